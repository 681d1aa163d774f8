//! The plugin as a person meets it: called by the real kubectl, seen from outside.

#![expect(clippy::expect_used, clippy::print_stderr, reason = "a test that cannot go on has failed, and says what was left out")]

mod diff;
mod errors;
mod export;
mod hostile;
mod kubectl;
mod readme;
mod screen;
mod shells;
mod show;
