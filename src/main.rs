//! The door: everything behind it is reached through the command line.

fn main() -> std::process::ExitCode {
    paddock::cli::main()
}
