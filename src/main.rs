//! The `upswing` command.

fn main() {}
