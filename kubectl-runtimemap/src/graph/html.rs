//! One page that needs nothing else, and that cannot ask for anything else.

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use super::{layout::Layout, model::Model, svg};
use crate::escape;

const SCRIPT: &str = include_str!("page.js");
const LOOKS: &str = include_str!("page.css");

/// The page.
pub(super) fn page(model: &Model, layout: &Layout) -> anyhow::Result<String> {
    let style = format!("{LOOKS}{}", svg::STYLE);
    let json = serde_json::to_string(model).context("failed to write JSON")?;
    // Inside of a script only `</` could end it; as escapes they are the same JSON.
    let json = escape::json(&json).replace('<', "\\u003c");
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        digest(SCRIPT),
        digest(&style)
    );
    let Layout { width, height, .. } = layout;
    let summary = format!("{} nodes, {} edges", model.nodes.len(), model.edges.len());
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>runtimemap</title>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>{style}</style></head>\n<body>\n\
         <header><strong>runtimemap</strong> <span id=\"summary\">{summary}</span>\n\
         <input id=\"search\" type=\"search\" placeholder=\"Search\" aria-label=\"Search\">\n\
         <select id=\"namespace\" aria-label=\"Namespace\"><option value=\"\">All namespaces</option></select>\n\
         <select id=\"port\" aria-label=\"Port\"><option value=\"\">All ports</option></select>\n\
         <button id=\"in\" title=\"Zoom in\">+</button><button id=\"out\" title=\"Zoom out\">−</button><button id=\"all\">Show all</button>\n\
         <span class=\"legend\"><i class=\"allowed\"></i>allowed by a rule <i class=\"open\"></i>not restricted \
         <i class=\"cut\"></i>cut <i class=\"attempted\"></i>never connected, or evidence only</span></header>\n\
         <main><svg id=\"map\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\">\n{}</svg>\n\
         <aside id=\"panel\" hidden></aside></main>\n\
         <script type=\"application/json\" id=\"data\">{json}</script>\n<script>{SCRIPT}</script>\n</body></html>\n",
        svg::content(model, layout)
    ))
}

/// As a content security policy names a text.
fn digest(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text.as_bytes()))
}
