//! Step `readme`: runs what README.md tells people to run.
//!
//! Every fenced block tagged `console` becomes one bash script, in the root of the repository and with the built host
//! first in `PATH`. Lines that start with `$ ` are commands, the others are what the reader sees. One shell a block
//! means that a variable or a `cd` reaches the next line, as it does for the reader. A line `# exits with N` announces
//! that the next command ends with N. What a block leaves in the background ends with it.

use crate::process::Invocation;
use crate::runner::Gate;
use anyhow::{Context as _, Result, bail};
use std::path::Path;

#[derive(Debug, PartialEq, Eq)]
struct Block {
    line: usize,
    commands: Vec<Command>,
}

#[derive(Debug, PartialEq, Eq)]
struct Command {
    line: usize,
    text: String,
    exits_with: u8,
}

pub(super) fn step(gate: &Gate) -> Result<()> {
    let workspace = &gate.workspace;
    let readme = workspace.read("README.md").context("the project needs a README.md")?;
    let blocks = blocks(&readme)?;
    if blocks.is_empty() {
        bail!("README.md has no block tagged `console`: a newcomer finds nothing to run");
    }
    let mainworker = workspace.mainworker()?;
    let bin = mainworker.parent().map(Path::to_path_buf).unwrap_or_default();
    let old = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([bin].into_iter().chain(std::env::split_paths(&old)))?;
    for block in &blocks {
        gate.console.line(&format!("    README.md:{}", block.line));
        Invocation::program(Path::new("bash"))
            .args(["-euo", "pipefail", "-c", &script(block)])
            .env("PATH", &path)
            .run_silently(&workspace.root)
            .map_err(|_| anyhow::anyhow!("the block at README.md:{} failed, see above", block.line))?;
    }
    Ok(())
}

fn blocks(readme: &str) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut lines = readme.lines().enumerate().map(|(index, line)| (index + 1, line));
    while let Some((start, line)) = lines.next() {
        let Some(info) = line.trim_start().strip_prefix("```") else { continue };
        let mut inside = Vec::new();
        let closed = lines.by_ref().find_map(|(number, text)| {
            let end = text.trim() == "```";
            if !end {
                inside.push((number, text));
            }
            end.then_some(())
        });
        if closed.is_none() {
            bail!("README.md:{start}: this block is never closed");
        }
        if info.split_whitespace().next() == Some("console") {
            blocks.push(Block { line: start, commands: commands(&inside)? });
        }
    }
    Ok(blocks)
}

fn commands(lines: &[(usize, &str)]) -> Result<Vec<Command>> {
    let mut commands = Vec::new();
    let mut exits_with = 0;
    let mut lines = lines.iter();
    while let Some((line, text)) = lines.next() {
        if let Some(number) = text.strip_prefix("# exits with ") {
            exits_with = number
                .trim()
                .parse()
                .with_context(|| format!("README.md:{line}: `{number}` is no exit code"))?;
        } else if let Some(first) = text.strip_prefix("$ ") {
            let mut text = first.to_owned();
            while text.ends_with('\\') {
                let Some((_, next)) = lines.next() else { break };
                text.push('\n');
                text.push_str(next.strip_prefix("> ").unwrap_or(next));
            }
            commands.push(Command { line: *line, text, exits_with });
            exits_with = 0;
        }
    }
    Ok(commands)
}

/// The gate cannot run itself; everything else is run as written.
fn runs_the_gate(command: &str) -> bool {
    let mut words = command.split_whitespace();
    match words.next() {
        Some("cargo") => words.next() == Some("gate"),
        Some(first) => first.trim_start_matches("./") == ".ci/run",
        None => false,
    }
}

fn script(block: &Block) -> String {
    let mut script = format!(
        "readme_line={}\n\
         readme_end() {{\n\
         code=$?\n\
         kill $(jobs -p) 2>/dev/null || true\n\
         if [ $code -ne 0 ]; then echo \"README.md:$readme_line: ended with exit code $code\" >&2; fi\n\
         exit $code\n\
         }}\n\
         trap readme_end EXIT\n",
        block.line
    );
    for Command { line, text, exits_with } in &block.commands {
        script.push_str(&format!(
            "readme_line={line}\nprintf '%s\\n' {}\n",
            shell_quoted(&format!("    $ {text}"))
        ));
        if runs_the_gate(text) {
            script.push_str("echo '    (skipped: the gate is what is running)'\n");
        } else if *exits_with == 0 {
            script.push_str(&format!("{text}\n"));
        } else {
            script.push_str(&format!(
                "readme_code=0\n{{ {text}\n}} || readme_code=$?\n\
                 if [ $readme_code -ne {exits_with} ]; then\n\
                 echo \"README.md:{line}: exit code {exits_with} was announced, $readme_code came\" >&2\nexit 1\nfi\n"
            ));
        }
    }
    script
}

fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(readme: &str) -> Result<()> {
        for block in blocks(readme)? {
            Invocation::program(Path::new("bash"))
                .args(["-euo", "pipefail", "-c", &script(&block)])
                .run_silently(Path::new("."))?;
        }
        Ok(())
    }

    #[test]
    fn only_blocks_tagged_console_are_run() {
        let readme = "```toml\n$ false\n```\ntext\n```console\n$ true\noutput\n```\n```\n$ false\n```\n";
        let found = blocks(readme).expect("well formed");
        let command = Command { line: 6, text: "true".to_owned(), exits_with: 0 };
        assert_eq!(found, [Block { line: 5, commands: vec![command] }]);
    }

    #[test]
    fn a_failing_line_fails_and_lines_after_it_do_not_run() {
        assert!(run("```console\n$ true\n```\n").is_ok());
        assert!(run("```console\n$ false\n$ true\n```\n").is_err());
        assert!(run("```console\n$ false | cat\n```\n").is_err());
    }

    #[test]
    fn an_announced_exit_code_has_to_come() {
        assert!(run("```console\n# exits with 3\n$ (exit 3)\n$ true\n```\n").is_ok());
        assert!(run("```console\n# exits with 3\n$ (exit 4)\n```\n").is_err());
        assert!(run("```console\n# exits with 3\n$ true\n```\n").is_err());
        assert!(run("```console\n# exits with three\n$ true\n```\n").is_err());
    }

    #[test]
    fn a_block_is_one_shell() {
        assert!(run("```console\n$ x=1\n$ test \\\n>   $x = 1\n```\n").is_ok());
    }

    #[test]
    fn what_runs_in_the_background_ends_with_its_block() {
        let block = blocks("```console\n$ sleep 100 &\n$ true\n```\n").expect("well formed").remove(0);
        let start = std::time::Instant::now();
        // Whoever is left in the background keeps this pipe open.
        let shell = Invocation::program(Path::new("bash")).args(["-euo", "pipefail", "-c", &script(&block)]);
        shell.ask(Path::new(".")).expect("both commands succeed");
        assert!(start.elapsed().as_secs() < 50);
    }

    #[test]
    fn the_gate_does_not_run_itself_but_the_demo_runs() {
        for line in ["cargo gate", "cargo gate fmt", "./.ci/run", ".ci/run"] {
            assert!(runs_the_gate(line), "{line}");
        }
        assert!(!runs_the_gate("cargo demo") && !runs_the_gate("mainworker run x"));
    }

    #[test]
    fn a_block_that_is_never_closed_is_an_error() {
        assert!(blocks("```console\n$ true\n").is_err());
    }
}
