//! Step `readme`: runs what README.md tells people to run.
//!
//! Every fenced block tagged `console` becomes one bash script, in the root of the repository and with the built host
//! first in `PATH`. Lines that start with `$ ` are commands, the others are what the reader sees. One shell a block
//! means that a variable or a `cd` reaches the next line, as it does for the reader. A line `# exits with N` announces
//! that the next command ends with N. What a block leaves in the background ends with it.
//!
//! In a block tagged `console compared` what is shown below a command is what it has to print, to the letter. A block tagged
//! with a path below `target/`, as in `toml target/demo/schedules.toml`, is that file, written before what comes after it.

use crate::process::Invocation;
use crate::runner::Gate;
use anyhow::{Context as _, Result, bail};
use std::path::Path;

#[derive(Debug, PartialEq, Eq)]
struct Block {
    line: usize,
    content: Content,
}

#[derive(Debug, PartialEq, Eq)]
enum Content {
    Commands(Vec<Command>),
    File { path: String, text: String },
}

#[derive(Debug, PartialEq, Eq)]
struct Command {
    line: usize,
    text: String,
    exits_with: u8,
    /// What it has to print, where that is compared and anything is shown.
    prints: Option<String>,
}

pub(super) fn step(gate: &Gate) -> Result<()> {
    let workspace = &gate.workspace;
    let readme = workspace.read("README.md").context("the project needs a README.md")?;
    let blocks = blocks(&readme)?;
    if !blocks.iter().any(|block| matches!(block.content, Content::Commands(_))) {
        bail!("README.md has no block tagged `console`: a newcomer finds nothing to run");
    }
    let mainworker = workspace.mainworker()?;
    let bin = mainworker.parent().map(Path::to_path_buf).unwrap_or_default();
    let old = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([bin].into_iter().chain(std::env::split_paths(&old)))?;
    for block in &blocks {
        gate.console.line(&format!("    README.md:{}", block.line));
        let commands = match &block.content {
            Content::Commands(commands) => commands,
            Content::File { path, text } => {
                let path = workspace.root.join(path);
                let written = std::fs::create_dir_all(path.parent().unwrap_or(&path));
                written.and_then(|()| std::fs::write(&path, text)).with_context(|| {
                    format!("the block at README.md:{}: writing `{}`", block.line, path.display())
                })?;
                continue;
            }
        };
        Invocation::program(Path::new("bash"))
            .args(["-euo", "pipefail", "-c", &script(block.line, commands)])
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
        let mut words = info.split_whitespace();
        let content = match (words.next(), words.next()) {
            (Some("console"), word) => Content::Commands(commands(&inside, word == Some("compared"))?),
            (Some(_), Some(path)) if path.starts_with("target/") => {
                let text = inside.iter().map(|(_, line)| format!("{line}\n")).collect();
                Content::File { path: path.to_owned(), text }
            }
            _ => continue,
        };
        blocks.push(Block { line: start, content });
    }
    Ok(blocks)
}

fn commands(lines: &[(usize, &str)], are_compared: bool) -> Result<Vec<Command>> {
    let mut commands: Vec<Command> = Vec::new();
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
            commands.push(Command { line: *line, text, exits_with, prints: None });
            exits_with = 0;
        } else if let Some(command) = commands.last_mut().filter(|_| are_compared) {
            command.prints.get_or_insert_default().push_str(&format!("{text}\n"));
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

fn script(line: usize, commands: &[Command]) -> String {
    let mut script = format!(
        "readme_line={line}\n\
         readme_printed=$(mktemp)\n\
         readme_end() {{\n\
         code=$?\n\
         kill $(jobs -p) 2>/dev/null || true\n\
         rm -f \"$readme_printed\"\n\
         if [ $code -ne 0 ]; then echo \"README.md:$readme_line: ended with exit code $code\" >&2; fi\n\
         exit $code\n\
         }}\n\
         trap readme_end EXIT\n"
    );
    for Command { line, text, exits_with, prints } in commands {
        script.push_str(&format!(
            "readme_line={line}\nprintf '%s\\n' {}\n",
            shell_quoted(&format!("    $ {text}"))
        ));
        if runs_the_gate(text) {
            script.push_str("echo '    (skipped: the gate is what is running)'\n");
        } else if *exits_with == 0 && prints.is_none() {
            script.push_str(&format!("{text}\n"));
        } else {
            let (kept, shown) = match prints {
                Some(_) => (" > \"$readme_printed\" 2>&1", "cat \"$readme_printed\""),
                None => ("", "true"),
            };
            script.push_str(&format!(
                "readme_code=0\n{{ {text}\n}}{kept} || readme_code=$?\n{shown}\n\
                 if [ $readme_code -ne {exits_with} ]; then\n\
                 echo \"README.md:{line}: exit code {exits_with} was announced, $readme_code came\" >&2\nexit 1\nfi\n"
            ));
        }
        if let Some(prints) = prints {
            script.push_str(&format!(
                "printf '%s' {} | diff -u --label README.md --label printed - \"$readme_printed\" >&2 || {{\n\
                 echo \"README.md:{line}: it prints something else than what is shown\" >&2\nexit 1\n}}\n",
                shell_quoted(prints)
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
            shell(&block).run_silently(Path::new("."))?;
        }
        Ok(())
    }

    fn shell(block: &Block) -> Invocation {
        let Content::Commands(commands) = &block.content else { panic!("{block:?} is a file") };
        Invocation::program(Path::new("bash")).args(["-euo", "pipefail", "-c", &script(block.line, commands)])
    }

    #[test]
    fn only_blocks_tagged_console_are_run() {
        let readme = "```toml\n$ false\n```\ntext\n```console\n$ true\noutput\n```\n```\n$ false\n```\n";
        let found = blocks(readme).expect("well formed");
        let command = Command { line: 6, text: "true".to_owned(), exits_with: 0, prints: None };
        assert_eq!(found, [Block { line: 5, content: Content::Commands(vec![command]) }]);
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
    fn what_is_shown_in_a_compared_block_has_to_be_printed() {
        let compared = |lines: &str| run(&format!("```console compared\n{lines}```\n"));
        assert!(compared("$ printf 'a\\n\\nb\\n' >&2\na\n\nb\n$ echo not shown\n").is_ok());
        assert!(compared("$ echo a\nb\n").is_err());
        assert!(compared("$ echo a\na\nb\n").is_err());
        assert!(compared("$ printf 'a\\nb\\n'\na\n").is_err());
        assert!(compared("# exits with 3\n$ echo \"it's\" && (exit 3)\nit's\n").is_ok());
        assert!(compared("# exits with 3\n$ echo a\na\n").is_err());
        assert!(
            compared("$ x=1\n$ y=2; echo $x\n1\n$ test $y = 2\n").is_ok(),
            "it is one shell all the same"
        );
        assert!(run("```console\n$ echo a\nb\n```\n").is_ok(), "elsewhere it is only shown");
    }

    #[test]
    fn a_block_with_a_path_is_that_file() {
        let readme = "```toml target/x/y.toml\na = 1\n\nb = 2\n```\n```toml host/y.toml\n```\n```text\n```\n";
        let text = "a = 1\n\nb = 2\n".to_owned();
        let file = Content::File { path: "target/x/y.toml".to_owned(), text };
        assert_eq!(blocks(readme).expect("well formed"), [Block { line: 1, content: file }]);
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
        shell(&block).ask(Path::new(".")).expect("both commands succeed");
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
