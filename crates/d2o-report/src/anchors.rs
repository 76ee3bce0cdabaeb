//! What was drawn before training: how many drafts were kept, and how long the answers are.

use maud::{Markup, PreEscaped, html};

use crate::chart::Bins;
use crate::escape::Plain;
use crate::number::{count, figure};
use crate::run::{AnchorStatistics, Run};

/// Lengths and dropped drafts, or a sentence if there is no store.
pub(crate) fn render(run: &Run) -> Markup {
    let Some(statistics) = &run.anchors else {
        return html! { section { h2 { "Anchors" } p.absent { "There is no anchor store." } } };
    };
    html! {
        section {
            h2 { "Anchors and rejected answers" }
            div.halves { (lengths(statistics)) (drafts(statistics)) }
        }
    }
}

fn lengths(statistics: &AnchorStatistics) -> Markup {
    let (anchors, rejected) = (&statistics.anchor_tokens, &statistics.rejected_tokens);
    let bins = Bins { upper: anchors, lower: rejected, classes: ("anchor", "rejected"), size: (500.0, 170.0) };
    let rows = [("anchor", "anchors", anchors), ("rejected", "rejected", rejected)];
    html! {
        figure {
            figcaption { b { "Lengths" } " " span { "tokens; anchors upwards, rejected downwards" } }
            (PreEscaped(bins.render()))
            table {
                thead {
                    tr { th {} th.r { "answers" } th.r { "mean" } th.r { "median" } th.r { "longest" } }
                }
                tbody {
                    @for (class, name, lengths) in rows {
                        tr {
                            td class=(class) { (name) }
                            td.r { (count(lengths.len() as u64)) }
                            @for statistic in statistics_of(lengths) { td.r { (statistic) } }
                        }
                    }
                }
            }
        }
    }
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

fn drafts(statistics: &AnchorStatistics) -> Markup {
    if statistics.drafts.is_empty() {
        return html! {};
    }
    html! {
        figure {
            figcaption { b { "Drafts" } " " span { "drawn, and dropped by reason" } }
            table.counts {
                tbody {
                    @for (name, number) in &statistics.drafts {
                        tr { td { (Plain(&name.replace('_', " "))) } td.r { (count(*number)) } }
                    }
                }
            }
        }
    }
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
