//! Label selectors, as kubectl's -l has them: `app=web,tier!=db,env in (a, b),!canary`.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use kube::core::{Expression, Selector, SelectorExt as _};

use crate::map::Map;

/// The maps whose objects have the labels.
pub(super) fn matching(maps: Vec<Map>, selector: &str) -> anyhow::Result<Vec<Map>> {
    if selector.is_empty() {
        return Ok(maps);
    }
    let selector = parse(selector).with_context(|| format!("unable to parse the selector {selector:?}"))?;
    let matches = |map: &Map| map.objects().any(|object| selector.matches(&object.metadata().labels.clone().unwrap_or_default()));
    Ok(maps.into_iter().filter(matches).collect())
}

/// Reads a selector.
pub(crate) fn parse(text: &str) -> anyhow::Result<Selector> {
    let mut selector = Selector::default();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = end_of(rest)?;
        selector.extend([expression(rest[..end].trim())?]);
        rest = match rest[end..].strip_prefix(',') {
            Some(after) if after.trim().is_empty() => bail!("it ends in a comma"),
            Some(after) => after.trim_start(),
            None => "",
        };
    }
    Ok(selector)
}

/// Where the first requirement ends: at a comma outside of parentheses.
fn end_of(text: &str) -> anyhow::Result<usize> {
    let mut depth = 0_u32;
    for (index, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1).context("a ')' has no '('")?,
            ',' if depth == 0 => return Ok(index),
            _ => {}
        }
    }
    if depth > 0 {
        bail!("a '(' is not closed");
    }
    Ok(text.len())
}

fn expression(text: &str) -> anyhow::Result<Expression> {
    for (operator, equal) in [("!=", false), ("==", true), ("=", true)] {
        if let Some((key, value)) = text.split_once(operator) {
            let (key, value) = (self::key(key)?, self::value(value)?);
            return Ok(if equal { Expression::Equal(key, value) } else { Expression::NotEqual(key, value) });
        }
    }
    if let Some(key) = text.strip_prefix('!') {
        return Ok(Expression::DoesNotExist(self::key(key)?));
    }
    let Some((head, values)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) else {
        return Ok(Expression::Exists(key(text)?));
    };
    let values: BTreeSet<String> = values.split(',').map(value).collect::<Result<_, _>>()?;
    match head.split_whitespace().collect::<Vec<_>>().as_slice() {
        [name, "in"] => Ok(Expression::In(key(name)?, values)),
        [name, "notin"] => Ok(Expression::NotIn(key(name)?, values)),
        _ => bail!("{text:?} is no requirement; give KEY=VALUE, KEY in (A, B), KEY or !KEY"),
    }
}

fn key(text: &str) -> anyhow::Result<String> {
    let text = text.trim();
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c)) {
        bail!("{text:?} is no key of a label");
    }
    Ok(text.to_owned())
}

fn value(text: &str) -> anyhow::Result<String> {
    let text = text.trim();
    if text.len() > 63 || !text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        bail!("{text:?} is no value of a label");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::fuzz;

    #[test]
    fn selectors_mean_what_they_mean_to_kubectl() {
        let labels: BTreeMap<String, String> =
            [("app", "web"), ("tier", "front"), ("a.io/x", "")].map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        for (text, expected) in [
            ("app=web", true),
            ("app==web,tier!=back", true),
            ("app in (web, api),tier notin (back)", true),
            ("app,!canary", true),
            ("a.io/x=", true),
            ("app=api", false),
            ("app notin (web)", false),
            ("!app", false),
            ("canary", false),
        ] {
            assert_eq!(parse(text).unwrap().matches(&labels), expected, "{text}");
        }
        for text in ["=a", "a=b,", "a in (b", "a on (b)", "a b", "a in b)", "a=b c", ","] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn any_text_is_a_selector_or_an_error() {
        const LANGUAGE: &[&str] = &["a", "b.io/c", "=", "==", "!=", "!", "in", "notin", "(", ")", ",", " ", "-", "é"];
        let labels = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        fuzz::run(&fuzz::words(LANGUAGE), |text| {
            if let Ok(selector) = parse(&text) {
                let _ = selector.matches(&labels);
            }
        });
    }
}
