//! The door: everything behind it is reached through the command line.

fn main() -> std::process::ExitCode {
    paddock::scoring::sandbox::enter_if_asked();
    paddock::scoring::runtimes::onnx::enter_if_asked();
    paddock::cli::main()
}
