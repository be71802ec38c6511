//! Running other programs: the command line is printed first, the output is passed through.

use crate::console::{Console, Tone};
use anyhow::{Context as _, Result, bail};
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// One call of one program.
#[derive(Clone, Debug)]
pub struct Invocation {
    program: OsString,
    shown: String,
    args: Vec<String>,
    env: Vec<(String, OsString)>,
}

impl Invocation {
    /// The same cargo that runs the gate, so that one toolchain does all the work.
    pub fn cargo() -> Self {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Self { program, shown: "cargo".to_owned(), args: Vec::new(), env: Vec::new() }
    }

    /// A program found in `PATH`, or by its path.
    pub fn program(program: &Path) -> Self {
        let shown = program.display().to_string();
        Self { program: program.into(), shown, args: Vec::new(), env: Vec::new() }
    }

    /// How the program is called in what is printed.
    #[must_use]
    pub fn shown_as(mut self, shown: impl Into<String>) -> Self {
        self.shown = shown.into();
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// The command as a person would type it.
    pub fn line(&self) -> String {
        let env = self.env.iter().map(|(name, value)| format!("{name}={}", quoted(&value.to_string_lossy())));
        let args = self.args.iter().map(|arg| quoted(arg));
        env.chain([quoted(&self.shown)]).chain(args).collect::<Vec<_>>().join(" ")
    }

    /// Runs it in `folder` with our own stdin, stdout and stderr.
    pub fn run(&self, console: Console, folder: &Path) -> Result<()> {
        self.announce(console);
        self.run_silently(folder)
    }

    /// As `run`, without the command line being printed.
    pub fn run_silently(&self, folder: &Path) -> Result<()> {
        let status = self.command(folder).status().with_context(|| self.cannot_start())?;
        if !status.success() {
            bail!("`{}` failed: {status}", self.line());
        }
        Ok(())
    }

    /// Runs it and returns its stdout; stderr is passed through.
    pub fn capture(&self, console: Console, folder: &Path) -> Result<String> {
        self.announce(console);
        let output =
            self.command(folder).stderr(Stdio::inherit()).output().with_context(|| self.cannot_start())?;
        self.stdout_of(output)
    }

    /// Asks a question of a program: nothing is printed, stderr is dropped, failure is an answer too.
    pub fn ask(&self, folder: &Path) -> Result<String> {
        let output =
            self.command(folder).stderr(Stdio::null()).output().with_context(|| self.cannot_start())?;
        self.stdout_of(output)
    }

    fn announce(&self, console: Console) {
        console.line(&format!("    {}", console.paint(Tone::Strong, &format!("$ {}", self.line()))));
    }

    fn stdout_of(&self, output: Output) -> Result<String> {
        if !output.status.success() {
            bail!("`{}` failed: {}", self.line(), output.status);
        }
        String::from_utf8(output.stdout).with_context(|| format!("`{}` printed no UTF-8", self.line()))
    }

    fn cannot_start(&self) -> String {
        format!("`{}` cannot be started", self.line())
    }

    fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).current_dir(folder);
        for (name, _) in std::env::vars_os() {
            if of_the_gates_own_package(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// `cargo run` tells the program it starts about its package. What the gate starts is no part of that package, and must
/// see what it would see in a shell.
fn of_the_gates_own_package(variable: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
        .iter()
        .any(|prefix| variable.starts_with(prefix))
}

fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%*".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_can_be_pasted_into_a_shell() {
        let call = Invocation::cargo().env("RUSTDOCFLAGS", "-D warnings").args(["doc", "it's"]);
        assert_eq!(call.line(), r"RUSTDOCFLAGS='-D warnings' cargo doc 'it'\''s'");
    }

    #[test]
    fn a_failing_program_is_an_error_that_shows_its_line() {
        let call = Invocation::program(Path::new("sh")).args(["-c", "exit 3"]);
        let error = call.run(Console::plain(), Path::new(".")).expect_err("exit 3");
        let text = format!("{error:#}");
        assert!(text.contains("sh -c 'exit 3'") && text.contains('3'), "{text}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let call = Invocation::program(Path::new("no-such-program-here"));
        let error = call.ask(Path::new(".")).expect_err("missing");
        assert!(format!("{error:#}").contains("`no-such-program-here` cannot be started"));
    }

    #[test]
    fn variables_of_the_gates_package_are_not_handed_on() {
        assert!(of_the_gates_own_package("CARGO_PKG_NAME"));
        assert!(of_the_gates_own_package("CARGO_MANIFEST_DIR"));
        assert!(!of_the_gates_own_package("CARGO_TARGET_DIR"));
        assert!(!of_the_gates_own_package("CARGO_HOME"));
    }
}
