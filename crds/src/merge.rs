//! The union of what was seen at several places or times.

mod evidence;
mod neighborhood;
mod profile;
mod status;

use std::collections::BTreeMap;

pub use evidence::Evidence;

/// The union of two things of a kind.
///
/// Commutative, associative and idempotent, so facts may arrive in any order, from anywhere, more than once. The result
/// has every list sorted and without doubles: equal content gives equal bytes. Where only one value can stand, the
/// same one is taken whichever side it came from. Evidence (`firstSeen`, `pod`) is the earliest.
pub trait Merge: Sized {
    /// Everything that either side has.
    #[must_use]
    fn merge(self, other: Self) -> Self;
}

/// The union of two lists; what has the same key is merged.
fn union<T: Merge, K: Ord>(a: Vec<T>, b: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut merged = BTreeMap::<K, T>::new();
    for item in a.into_iter().chain(b) {
        let key = key(&item);
        let item = match merged.remove(&key) {
            Some(known) => known.merge(item),
            None => item,
        };
        merged.insert(key, item);
    }
    merged.into_values().collect()
}

/// The union of two lists of plain values.
fn union_of_values<T: Ord>(mut a: Vec<T>, b: Vec<T>) -> Vec<T> {
    a.extend(b);
    a.sort();
    a.dedup();
    a
}

/// The union of two maps of lists. A key without values is none.
fn union_of_maps<K: Ord, V: Ord>(mut a: BTreeMap<K, Vec<V>>, b: BTreeMap<K, Vec<V>>) -> BTreeMap<K, Vec<V>> {
    for (key, values) in b {
        a.entry(key).or_default().extend(values);
    }
    for values in a.values_mut() {
        values.sort();
        values.dedup();
    }
    a.retain(|_, values| !values.is_empty());
    a
}
