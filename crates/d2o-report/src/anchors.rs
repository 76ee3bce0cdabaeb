//! What was drawn before training: how many drafts were kept, and how long the answers are.

use std::fmt::Write;

use crate::report::chart::Bins;
use crate::report::escape::escape;
use crate::report::number::{count, figure};
use crate::report::run::{AnchorStatistics, Run};

/// Lengths and dropped drafts, or a sentence if there is no store.
pub(super) fn render(run: &Run) -> String {
    let Some(statistics) = &run.anchors else {
        return r#"<section><h2>Anchors</h2><p class="absent">There is no anchor store.</p></section>"#.to_owned();
    };
    format!(
        r#"<section><h2>Anchors and rejected answers</h2><div class="halves">{}{}</div></section>"#,
        lengths(statistics),
        drafts(statistics)
    )
}

fn lengths(statistics: &AnchorStatistics) -> String {
    let (anchors, rejected) = (&statistics.anchor_tokens, &statistics.rejected_tokens);
    let bins = Bins { upper: anchors, lower: rejected, classes: ("anchor", "rejected"), size: (500.0, 170.0) };
    let rows = [("anchor", "anchors", anchors), ("rejected", "rejected", rejected)].map(|(class, name, lengths)| {
        let [mean, median, most] = statistics_of(lengths);
        format!(
            r#"<tr><td class="{class}">{name}</td><td class="r">{}</td><td class="r">{mean}</td><td class="r">{median}</td><td class="r">{most}</td></tr>"#,
            count(lengths.len() as u64)
        )
    });
    format!(
        r#"<figure><figcaption><b>Lengths</b> <span>tokens; anchors upwards, rejected downwards</span></figcaption>{}<table><thead><tr><th></th><th class="r">answers</th><th class="r">mean</th><th class="r">median</th><th class="r">longest</th></tr></thead><tbody>{}</tbody></table></figure>"#,
        bins.render(),
        rows.concat()
    )
}

/// Mean, median and maximum, written out.
fn statistics_of(lengths: &[usize]) -> [String; 3] {
    let mut sorted = lengths.to_vec();
    sorted.sort_unstable();
    let Some(&most) = sorted.last() else {
        return ["–", "–", "–"].map(str::to_owned);
    };
    let mean = sorted.iter().sum::<usize>() as f64 / sorted.len() as f64;
    let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    let median = (low + high) as f64 / 2.0;
    [figure(mean), figure(median), count(most as u64)]
}

fn drafts(statistics: &AnchorStatistics) -> String {
    let mut rows = String::new();
    for (name, number) in &statistics.drafts {
        let _ = write!(
            rows,
            r#"<tr><td>{}</td><td class="r">{}</td></tr>"#,
            escape(&name.replace('_', " ")),
            count(*number)
        );
    }
    if rows.is_empty() {
        return String::new();
    }
    format!(
        r#"<figure><figcaption><b>Drafts</b> <span>drawn, and dropped by reason</span></figcaption><table class="counts"><tbody>{rows}</tbody></table></figure>"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_median_and_longest() {
        // 1 + 2 + 3 + 10 = 16, over 4; the middle two are 2 and 3.
        assert_eq!(statistics_of(&[10, 1, 3, 2]), ["4.00", "2.50", "10"]);
        assert_eq!(statistics_of(&[7]), ["7.00", "7.00", "7"]);
        assert_eq!(statistics_of(&[]), ["–", "–", "–"]);
    }
}
