//! What was measured, and how it is printed.

use crate::failure::Failure;
use crate::terminal;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Map, Value, json};

/// Figures in the order they were measured.
#[derive(Debug, Default)]
pub(crate) struct Figures(Vec<(&'static str, f64, &'static str)>);

impl Figures {
    /// Adds one: its name in JSON, its value, and for people what it is.
    pub(crate) fn add(&mut self, name: &'static str, value: f64, what: &'static str) {
        self.0.push((name, value, what));
    }

    /// A table with the ratio of two of them below it, or one object.
    pub(crate) fn print(&self, as_json: bool, (ratio, of, to): (&str, &str, &str)) -> Result<(), Failure> {
        if as_json {
            let object: Map<String, Value> =
                self.0.iter().map(|&(name, value, _)| (name.to_owned(), json!(rounded(value)))).collect();
            return terminal::print_json(&Value::Object(object).to_string());
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(["FIGURE", "VALUE", "WHAT"]);
        for &(name, value, what) in &self.0 {
            table.add_row([name, &rounded(value).to_string(), what]);
        }
        if let Some(column) = table.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        terminal::print(&table.trim_fmt())?;
        let value = |name| self.0.iter().find(|figure| figure.0 == name).map_or(f64::NAN, |figure| figure.1);
        terminal::print(&format!("{ratio} = {:.2}", value(of) / value(to)))
    }
}

fn rounded(value: f64) -> f64 {
    if value >= 100.0 { value.round() } else { (value * 1_000.0).round() / 1_000.0 }
}

/// The value below which so many percent lie.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get((values.len() * percent / 100).min(values.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

/// So many in that time, a second.
pub(crate) fn per_second(count: usize, time: std::time::Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / time.as_secs_f64()
}
