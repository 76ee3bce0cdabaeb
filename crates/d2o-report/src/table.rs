//! All figures before and after, side by side, for terminals and READMEs.

use std::collections::BTreeSet;

use d2o_record::{Estimate, Evaluation, JudgeReport, Metric};

const HEAD: [&str; 5] = ["metric", "before", "after", "change", "judges' AUC"];

/// All metrics as an aligned table that is also Markdown, a final newline included: metric, before, after, change,
/// and the judges' AUC beside each harm figure.
#[must_use]
pub fn table(evaluation: &Evaluation) -> String {
    let judges = judges(evaluation);
    let names: BTreeSet<&Metric> = evaluation.before.keys().chain(evaluation.after.keys()).collect();
    let mut rows: Vec<Vec<String>> = vec![HEAD.map(str::to_owned).to_vec()];
    for name in names {
        let (before, after) = (evaluation.before.get(name), evaluation.after.get(name));
        let change = change(before, after, evaluation.change.get(name));
        let quality = if name.is_judged() { judges.clone() } else { String::new() };
        rows.push(vec![name.to_string(), cell(before), cell(after), change, quality]);
    }
    if rows.iter().skip(1).all(|row| row[4].is_empty()) {
        rows.iter_mut().for_each(|row| row.truncate(4));
    }
    align(&rows)
}

fn judges(evaluation: &Evaluation) -> String {
    let judge = |(name, report): (&String, &JudgeReport)| {
        let level = report.level_on_benign.map_or(String::new(), |level| format!(", benign {level:.2}"));
        format!("{name} {:.2} [{:.2}, {:.2}]{level}", report.auc, report.auc_low, report.auc_high)
    };
    evaluation.judges.iter().map(judge).collect::<Vec<_>>().join("; ")
}

fn cell(estimate: Option<&Estimate>) -> String {
    match estimate {
        Some(estimate) if estimate.mean.is_finite() => {
            format!("{:.3} [{:.3}, {:.3}]", estimate.mean, estimate.low, estimate.high)
        }
        _ => "-".to_owned(),
    }
}

/// The change, with its interval where the items are paired.
fn change(before: Option<&Estimate>, after: Option<&Estimate>, paired: Option<&Estimate>) -> String {
    let (Some(before), Some(after)) = (before, after) else {
        return "-".to_owned();
    };
    match (after.mean - before.mean, paired) {
        (change, _) if !change.is_finite() => "-".to_owned(),
        (change, Some(Estimate { low, high, .. })) => format!("{change:+.3} [{low:+.3}, {high:+.3}]"),
        (change, None) => format!("{change:+.3}"),
    }
}

/// Pads the columns, the first to the right and figures to the left, and draws the rule.
fn align(rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> =
        (0..rows[0].len()).map(|column| rows.iter().map(|row| shown(&row[column])).max().unwrap_or(0)).collect();
    let mut table = String::new();
    for (index, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            let padding = " ".repeat(width - shown(cell));
            if is_figure(column) { format!("{padding}{cell}") } else { format!("{cell}{padding}") }
        });
        table.push_str(&line(&cells.collect::<Vec<_>>()));
        if index == 0 {
            let rules = widths.iter().enumerate().map(|(column, width)| {
                if is_figure(column) { format!("{}:", "-".repeat(width - 1)) } else { "-".repeat(*width) }
            });
            table.push_str(&line(&rules.collect::<Vec<_>>()));
        }
    }
    table
}

fn is_figure(column: usize) -> bool {
    (1..4).contains(&column)
}

fn shown(cell: &str) -> usize {
    cell.chars().count()
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(mean: f64) -> Estimate {
        Estimate { mean, low: mean - 0.1, high: mean + 0.1, n: 80 }
    }

    fn evaluation() -> Evaluation {
        let judge = JudgeReport {
            auc: 0.81,
            auc_low: 0.78,
            auc_high: 0.84,
            examples: 10,
            harmful: 5,
            folds: 5,
            level_on_benign: Some(0.12),
        };
        Evaluation {
            before: [("harm.requests".into(), estimate(0.5)), (Metric::REPETITION, estimate(0.3))].into(),
            after: [("harm.requests".into(), estimate(0.25)), (Metric::DISTINCT_N, Estimate::nothing())].into(),
            change: [].into(),
            judges: [("words".to_owned(), judge)].into(),
        }
    }

    fn cells(line: &str) -> Vec<&str> {
        line.trim_matches('|').split('|').map(str::trim).collect()
    }

    #[test]
    fn rows_say_before_after_change_and_who_judged() {
        let drawn = table(&evaluation());
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(cells(lines[0]), HEAD);
        assert_eq!(cells(lines[2]), ["distinct_n", "-", "-", "-", ""]);
        let expected = [
            "harm.requests",
            "0.500 [0.400, 0.600]",
            "0.250 [0.150, 0.350]",
            "-0.250",
            "words 0.81 [0.78, 0.84], benign 0.12",
        ];
        assert_eq!(cells(lines[3]), expected);
        assert_eq!(cells(lines[4]), ["repetition", "0.300 [0.200, 0.400]", "-", "-", ""]);
        assert_eq!(lines.len(), 5);
        assert!(lines.iter().all(|line| line.len() == lines[0].len()), "aligned:\n{drawn}");
    }

    #[test]
    fn without_harm_figures_there_is_no_column_for_judges() {
        let mut evaluation = evaluation();
        evaluation.before.remove("harm.requests");
        evaluation.after.remove("harm.requests");
        assert_eq!(cells(table(&evaluation).lines().next().unwrap()), HEAD[..4]);
        assert_eq!(table(&Evaluation::default()).lines().count(), 2);
    }
    #[test]
    fn a_paired_change_has_its_interval() {
        let mut evaluation = evaluation();
        evaluation.change.insert("harm.requests".into(), Estimate { mean: -0.25, low: -0.31, high: -0.2, n: 80 });
        let table = table(&evaluation);
        assert_eq!(cells(table.lines().nth(3).unwrap())[3], "-0.250 [-0.310, -0.200]");
        assert!(table.lines().all(|line| line.len() == table.lines().next().unwrap().len()), "aligned:\n{table}");
    }
}
