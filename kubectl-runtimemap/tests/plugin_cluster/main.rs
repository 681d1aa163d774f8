//! The plugin on a real API server, called by the real kubectl, and at a terminal where it asks.
#![cfg(target_os = "linux")]
#![expect(
    clippy::expect_used,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and says what it left"
)]

mod apply;
mod approve;
mod connection;
mod keys;
mod learned;
mod operator;
mod patch;
mod sample;
mod server;
mod terminal;
mod watch;
