//! What a container may do beyond an ordinary user, and what it was refused.

use runtimemap_crds::CapabilityUse;

use super::{
    View,
    wording::{list, time},
};
use crate::page::{Page, Table};

pub(super) fn write(page: &mut Page, capabilities: &[CapabilityUse], view: &View) {
    if capabilities.is_empty() {
        page.nothing("Uses no capability");
        return;
    }
    page.heading("Capabilities");
    if view.wide {
        let mut table = Table::new(&["CAPABILITY", "GRANTED", "FIRST SEEN", "POD"]);
        for CapabilityUse { name, granted, first_seen, pod } in capabilities {
            table.row([name.clone(), granted.to_string(), time(first_seen.as_ref()), pod.clone()]);
        }
        page.table(&table);
        return;
    }
    let mut table = Table::new(&["", ""]);
    for (label, granted) in [("used", true), ("refused", false)] {
        let names: Vec<&str> = capabilities.iter().filter(|use_| use_.granted == granted).map(|use_| use_.name.as_str()).collect();
        if !names.is_empty() {
            table.row([label.to_owned(), list(names, None)]);
        }
    }
    page.table(&table);
}
