//! Notes for a reviewer, within what the objects can hold.

use runtimemap_crds::{ProfileStatus, condition};

/// Notes that an object holds.
const NOTES: usize = 500;
/// Characters of one note.
const LENGTH: usize = 4096;

/// Notes without repetition, in the order in which they were made.
#[derive(Debug, Default)]
pub(crate) struct Notes(Vec<String>);

impl Notes {
    /// Adds one, unless it is there.
    pub(crate) fn add(&mut self, note: impl Into<String>) {
        let note = shortened(note.into());
        if !self.0.contains(&note) {
            self.0.push(note);
        }
    }

    /// Says if a pod was in a sandbox: then nothing here is about what ran in it.
    pub(crate) fn sandboxed(&mut self, status: Option<&ProfileStatus>) {
        let conditions = status.iter().flat_map(|status| &status.conditions);
        for condition in conditions.filter(|condition| condition.type_ == condition::SANDBOXED && condition.status == "True") {
            self.add(format!("made of what a sandbox did, not of what ran in it, and of no use there: {}", condition.message));
        }
    }

    /// All that fit; the last says how many did not.
    pub(crate) fn finish(mut self) -> Vec<String> {
        if self.0.len() > NOTES {
            let more = self.0.len() - (NOTES - 1);
            self.0.truncate(NOTES - 1);
            self.0.push(format!("{more} more notes do not fit; the map that this was made from has it all"));
        }
        self.0
    }
}

/// A text that an object's field can hold.
pub(crate) fn shortened(text: String) -> String {
    match text.char_indices().nth(LENGTH - 1) {
        Some((end, _)) if end < text.len() => format!("{}…", &text[..end]),
        _ => text,
    }
}

/// `a`, `a and b`, `a, b and c`; a long list ends in how many more there are.
pub(crate) fn listed<T: AsRef<str>>(words: &[T]) -> String {
    const SHOWN: usize = 10;
    let more = words.len().saturating_sub(SHOWN);
    let mut shown: Vec<String> = words.iter().take(SHOWN).map(|word| word.as_ref().to_owned()).collect();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    match shown.pop() {
        Some(last) if !shown.is_empty() => format!("{} and {last}", shown.join(", ")),
        last => last.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_that_do_not_fit_are_counted() {
        let mut notes = Notes::default();
        for number in 0..600 {
            notes.add(format!("note {number}"));
            notes.add("the same");
        }
        let notes = notes.finish();
        assert_eq!(notes.len(), 500);
        // 601 in all, 499 kept.
        assert!(notes[499].starts_with("102 more notes"), "{}", notes[499]);
    }

    #[test]
    fn a_note_is_cut_between_characters() {
        let cut = shortened("⋯".repeat(5000));
        assert_eq!(cut.chars().count(), 4096);
        assert_eq!(shortened("⋯".repeat(4096)).chars().count(), 4096);
    }

    #[test]
    fn a_list_reads_like_a_sentence() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b"]), "a and b");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        assert_eq!(listed(&["x"; 12]), "x, x, x, x, x, x, x, x, x, x and 2 more");
        assert_eq!(listed::<&str>(&[]), "");
    }
}
