//! Collapsing: what varies from run to run is written once, as a pattern.
//!
//! # The language
//! In a path, `⋯` stands for one name that is made up at run time ([`generated`] decides), and a final `*` for everything
//! below a directory. In arguments, `⋯` stands for one argument that varied, `⋯` at the end of an argument for the rest
//! of it, and a final `*` for any number of arguments. A name that *is* `⋯` or `*` has a backslash before it; a
//! backslash and bytes that are not UTF-8 are written `\\` and `\xNN` ([`escape`]), so no name can pose as a pattern.
//!
//! # The rules
//! 1. A name that looks generated becomes `⋯` at once. What looks so and what does not: [`generated`].
//! 2. A directory with more than [`Thresholds::children`] different names in it becomes `directory/*`: everything below.
//!    Well-known places ([`PINNED`]) stay listed beside it: a flood of files in `/` hides no open of `/etc/shadow`.
//! 3. An argument that had more than [`Thresholds::arguments`] values, for the same program, argv\[0\], number of
//!    arguments and arguments before it, becomes `⋯` from then on. A program started with more than that many different
//!    numbers of arguments becomes `argv0 *`, with more than that many names `*`.
//! 4. A list that is still over its budget is folded further, the biggest part first, and reported as truncated.
//!
//! # The law
//! Rules 1 to 3 are a closure: `close(close(a) ∪ b) == close(a ∪ b)`, and so `close(close(a)) == close(a)`, in any order.
//! They hold because a threshold is counted on names that stay as they are until it is passed, and a place that was
//! folded says so in the text and takes in all that follows. Node and controller can therefore collapse what they
//! have, whenever they like. Rule 4 cannot be such a law, since what is dropped to fit depends on what is there to
//! drop; it keeps `close(close(a)) == close(a)`, never loses coverage, and shows in the Truncated condition.

mod argument_tree;
mod escape;
mod exec_set;
mod name;
mod open_set;
mod path_tree;
mod pattern;
mod profile;
mod thresholds;

pub use escape::{escape, literal_argument, literal_path};
pub use exec_set::ExecSet;
pub use name::generated;
pub use open_set::OpenSet;
pub use pattern::{matches, matches_args};
pub use profile::{close, close_execs, close_opens};
pub use thresholds::{DirectoryThreshold, PINNED, Thresholds};

/// Stands for one name or one argument that varies.
pub const VARIED: &str = "⋯";
/// Stands for everything below a directory, or for any number of arguments.
pub const REST: &str = "*";
