//! What was measured, as a table or as JSON.

use serde::Serialize;

/// All rows.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// In the order in which they were measured.
    pub rows: Vec<Row>,
    /// What else is worth knowing, a sentence each.
    pub notes: Vec<String>,
}

/// One measured value.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// What it should be at most.
    pub target: f64,
    /// What it was.
    pub measured: f64,
    /// Of both.
    pub unit: &'static str,
    /// Whether the target was reached.
    pub reached: bool,
}

impl Report {
    /// Adds a value that should be at most `target`.
    pub(super) fn at_most(&mut self, what: &str, target: f64, measured: f64, unit: &'static str) {
        let reached = measured <= target;
        self.rows.push(Row { what: what.to_owned(), target, measured, unit, reached });
    }

    /// Adds what has no target.
    pub(super) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Whether every target was reached.
    pub fn all_reached(&self) -> bool {
        self.rows.iter().all(|row| row.reached)
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "| what | target | measured | |")?;
        writeln!(f, "| --- | --- | --- | --- |")?;
        for row in &self.rows {
            let verdict = if row.reached { "reached" } else { "MISSED" };
            let (target, measured) = (number(row.target), number(row.measured));
            let (what, unit) = (&row.what, row.unit);
            writeln!(f, "| {what} | at most {target} {unit} | {measured} {unit} | {verdict} |")?;
        }
        if !self.notes.is_empty() {
            writeln!(f)?;
        }
        for note in &self.notes {
            writeln!(f, "- {note}")?;
        }
        Ok(())
    }
}

/// Three decimals at most, none that are zero.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_target_shows_in_the_table_and_in_the_verdict() {
        let mut report = Report::default();
        report.at_most("CPU", 0.3, 0.25, "s");
        assert!(report.all_reached());
        report.at_most("memory", 7.0, 8.5, "MB");
        assert!(!report.all_reached());
        let table = report.to_string();
        assert!(table.contains("| CPU | at most 0.3 s | 0.25 s | reached |"), "{table}");
        assert!(table.contains("| memory | at most 7 MB | 8.5 MB | MISSED |"), "{table}");
    }
}
