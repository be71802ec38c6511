//! Tables of tasks, of running attempts and of jobs. On a terminal they fit its width and are coloured by state.

use crate::terminal;
use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Row as Cells, Table, Width, presets};
use mainworker_domain::lifecycle::State;

/// The space on both sides of a cell.
const PADDING: usize = 2;

/// Where the text of a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Align {
    Left,
    Right,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Column {
    pub(in crate::cli) name: &'static str,
    pub(in crate::cli) align: Align,
    /// How far it may be cut where a line is too short for all.
    pub(in crate::cli) cut_to: Option<usize>,
    /// Left out where that does not do, the highest first; 0 for never.
    pub(in crate::cli) leave_out: u8,
}

/// A line of a table.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Row {
    pub(in crate::cli) cells: Vec<String>,
    /// What colours it.
    pub(in crate::cli) state: Option<State>,
}

impl Row {
    /// Of texts from elsewhere, each of which stays within its cell.
    pub(in crate::cli) fn of(cells: impl IntoIterator<Item = String>, state: Option<State>) -> Self {
        let cells = cells.into_iter().map(|cell| terminal::printable_line(&cell).into_owned());
        Self { cells: cells.collect(), state }
    }
}

/// A table that can go on: the lines of the next page stand below those of the last.
#[derive(Debug)]
pub(in crate::cli) struct TaskTable {
    columns: &'static [Column],
    /// Characters of a line, on a terminal.
    width: Option<u16>,
    /// The widths so far; none for a column without anything in it.
    widths: Vec<Option<usize>>,
    has_header: bool,
}

impl TaskTable {
    pub(in crate::cli) fn new(columns: &'static [Column], width: Option<u16>) -> Self {
        Self { columns, width, widths: Vec::new(), has_header: true }
    }

    /// The lines of `rows`, the first ones below a header.
    pub(in crate::cli) fn lines(&mut self, rows: &[Row]) -> Vec<String> {
        let has_header = std::mem::replace(&mut self.has_header, false);
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_truncation_indicator("…");
        // Widths are those of the header too, whether it is shown or not.
        table.set_header(self.columns.iter().map(|column| column.name));
        for row in rows {
            let mut cells = Cells::from(row.cells.clone());
            cells.max_height(1);
            table.add_row(cells);
        }
        let content: Vec<usize> = table.column_max_content_widths().into_iter().map(usize::from).collect();
        self.widths.resize(self.columns.len(), None);
        for (index, (width, content)) in self.widths.iter_mut().zip(content).enumerate() {
            // A person does not miss an empty column; a program that counts them would.
            let is_shown = self.width.is_none() || rows.iter().any(|row| !row.cells[index].is_empty());
            if is_shown || width.is_some() {
                *width = Some(content.max(width.unwrap_or(0)));
            }
        }
        let fitted = fit(self.columns, &self.widths, self.width.map(usize::from));
        for ((index, column), width) in self.columns.iter().enumerate().zip(fitted) {
            let Some(shown) = table.column_mut(index) else { continue };
            let width = width.map(|width| u16::try_from(width + PADDING).unwrap_or(u16::MAX));
            shown.set_constraint(match width {
                Some(width) => ColumnConstraint::Absolute(Width::Fixed(width)),
                None => ColumnConstraint::Hidden,
            });
            if column.align == Align::Right {
                shown.set_cell_alignment(CellAlignment::Right);
            }
        }
        let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        let (header, lines) = lines.split_at(1.min(lines.len()));
        let coloured = lines.iter().zip(rows).map(|(line, row)| {
            let style = row.state.map(style_of).unwrap_or_default();
            format!("{style}{line}{style:#}")
        });
        header.iter().filter(|_| has_header).cloned().chain(coloured).collect()
    }
}

/// The width of each column in a line of `line` characters; none for one that is left out.
fn fit(columns: &[Column], widths: &[Option<usize>], line: Option<usize>) -> Vec<Option<usize>> {
    let mut fitted = widths.to_vec();
    let Some(line) = line else { return fitted };
    let over = |fitted: &[Option<usize>]| {
        fitted.iter().flatten().map(|width| width + PADDING).sum::<usize>().saturating_sub(line)
    };
    let leave_out = (1..=columns.iter().map(|column| column.leave_out).max().unwrap_or(0)).rev();
    for step in std::iter::once(None).chain(leave_out.map(Some)) {
        if let Some(step) = step {
            let gone = columns.iter().zip(&mut fitted).filter(|(column, _)| column.leave_out == step);
            gone.for_each(|(_, width)| *width = None);
        }
        // From the right: what names a task stands left.
        for (index, column) in columns.iter().enumerate().rev() {
            let over = over(&fitted);
            if let (Some(cut_to), Some(width)) = (column.cut_to, &mut fitted[index]) {
                *width = (*width).min(width.saturating_sub(over).max(cut_to));
            }
        }
        if over(&fitted) == 0 {
            break;
        }
    }
    fitted
}

fn style_of(state: State) -> Style {
    match state {
        State::Running => AnsiColor::Green.on_default(),
        State::Failed => AnsiColor::Red.on_default(),
        State::Expired => AnsiColor::Yellow.on_default(),
        State::Cancelled => Style::new().dimmed(),
        State::Queued | State::Completed => Style::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        Column { name: "ID", align: Align::Left, cut_to: None, leave_out: 0 },
        Column { name: "JOB", align: Align::Left, cut_to: Some(6), leave_out: 0 },
        Column { name: "LABEL", align: Align::Left, cut_to: Some(5), leave_out: 2 },
        Column { name: "AGE", align: Align::Right, cut_to: None, leave_out: 1 },
    ];

    fn row(cells: [&str; 4], state: State) -> Row {
        Row { cells: cells.map(str::to_owned).to_vec(), state: Some(state) }
    }

    #[test]
    fn columns_are_cut_and_then_left_out_until_a_line_fits() {
        let widths = [8, 20, 30, 5].map(Some);
        for (line, expected) in [
            (None, [Some(8), Some(20), Some(30), Some(5)]),
            (Some(100), [Some(8), Some(20), Some(30), Some(5)]),
            (Some(61), [Some(8), Some(20), Some(20), Some(5)]),
            (Some(36), [Some(8), Some(10), Some(5), Some(5)]),
            (Some(30), [Some(8), Some(6), None, Some(5)]),
            (Some(20), [Some(8), Some(6), None, None]),
            (Some(1), [Some(8), Some(6), None, None]),
        ] {
            assert_eq!(fit(COLUMNS, &widths, line), expected, "{line:?}");
        }
    }

    #[test]
    fn a_page_goes_on_below_the_last() {
        let mut table = TaskTable::new(COLUMNS, None);
        let first = table.lines(&[row(["1", "edge-logs", "", "2m"], State::Queued)]);
        let second = table.lines(&[row(["22", "echo", "a b\nc", "10m"], State::Failed)]);
        assert_eq!(first, [" ID  JOB        LABEL  AGE", " 1   edge-logs          2m"]);
        assert_eq!(second, ["\u{1b}[31m 22  echo       a b…   10m\u{1b}[0m"]);
    }

    #[test]
    fn an_empty_column_is_left_out_on_a_terminal() {
        let mut table = TaskTable::new(COLUMNS, Some(80));
        assert_eq!(table.lines(&[row(["1", "echo", "", "2m"], State::Queued)])[0], " ID  JOB   AGE");
        let later = table.lines(&[row(["1", "echo", "x", "2m"], State::Queued)]);
        assert_eq!(later, [" 1   echo  x       2m"], "until there is something in it");
    }

    #[test]
    fn no_line_is_longer_than_the_terminal() {
        let mut table = TaskTable::new(COLUMNS, Some(40));
        let long = "x".repeat(50);
        let lines = table.lines(&[row(["1", &long, &long, "2m"], State::Queued)]);
        assert!(lines.iter().all(|line| line.chars().count() <= 40), "{lines:#?}");
        assert!(lines[1].contains('…'), "{lines:#?}");
    }
}
