//! The `ft-host` program; all of it is in the library's `cli`.

fn main() -> std::process::ExitCode {
    ft_host::cli::main()
}
