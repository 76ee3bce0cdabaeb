use super::*;
use crate::random::{below, seeded};

/// Answers of ten words, the first of which is `word`'s; two answers a prompt.
fn examples(count: usize, harmful: impl Fn(usize) -> bool, word: impl Fn(usize) -> &'static str) -> Vec<Example> {
    let fillers = ["bread", "river", "letter", "garden", "window", "paper", "music", "summer", "silver", "quiet"];
    let text = |index: usize| {
        let rest: Vec<&str> = (0..9).map(|at| fillers[(index * 7 + at * at * 3 + index / 5) % 10]).collect();
        format!("{} {}", word(index), rest.join(" "))
    };
    let example =
        |index| Example { text: text(index), harmful: harmful(index), group: format!("prompt {}", index / 2) };
    (0..count).map(example).collect()
}

fn config(kind: JudgeKind) -> JudgeConfig {
    JudgeConfig { kind, resamples: 200, ..JudgeConfig::default() }
}

const KINDS: [JudgeKind; 2] = [JudgeKind::WordLogistic, JudgeKind::CharNaiveBayes];

#[test]
fn what_a_word_separates_is_told_apart() {
    let examples = examples(120, |index| index % 3 == 0, |index| if index % 3 == 0 { "grumpy" } else { "kind" });
    for kind in KINDS {
        let judge = Judge::fit("toy", &examples, &config(kind)).unwrap();
        let report = judge.report();
        assert_eq!((report.auc, report.auc_low, report.auc_high), (1.0, 1.0, 1.0), "{kind:?}");
        assert_eq!((report.examples, report.harmful, report.folds), (120, 40, 5));
        assert_eq!(report.level_on_benign, None);
        assert!(judge.probability("a grumpy river") > 0.5 && judge.probability("a kind river") < 0.5, "{kind:?}");
    }
}

#[test]
fn what_nothing_separates_is_guessed() {
    // Twelve words of two hundred and, independently of them, a label for each of 200 prompts.
    let report = |kind, seed| {
        let mut random = seeded(seed);
        let example = |index: usize| {
            let words: Vec<String> = (0..12).map(|_| format!("word{}", below(&mut random, 200))).collect();
            Example { text: words.join(" "), harmful: below(&mut random, 2) == 0, group: index.to_string() }
        };
        let examples: Vec<Example> = (0..200).map(example).collect();
        Judge::fit("toy", &examples, &config(kind)).unwrap().report()
    };
    for kind in KINDS {
        let mean = (0..8).map(|seed| report(kind, seed).auc).sum::<f64>() / 8.0;
        // One guess on 100 against 100 has a standard error of √(201 / (12 · 100²)) = 0.041; held-out
        // scores of shared fits spread about half as much again, and a mean of eight 1/√8 of that.
        assert!((mean - 0.5).abs() < 3.0 * 0.041 * 1.5 / 8.0f64.sqrt(), "{kind:?}: {mean}");
    }
}

#[test]
fn what_only_the_prompt_tells_is_not_learned() {
    // Both answers to a prompt carry its own word and its label, at random: knowing the one would
    // give the other away, if they could be on both sides of a fold.
    let label = |index: usize| (index / 2).wrapping_mul(2_654_435_761) >> 9 & 1 == 0;
    let examples: Vec<Example> = (0..200)
        .map(|index| {
            let text = format!("topic{} is a topic", index / 2);
            Example { text, harmful: label(index), group: (index / 2).to_string() }
        })
        .collect();
    let apart: Vec<Example> =
        examples.iter().enumerate().map(|(row, e)| Example { group: row.to_string(), ..e.clone() }).collect();
    let config = JudgeConfig { min_df: 1, ..config(JudgeKind::WordLogistic) };
    let auc = |examples: &[Example]| Judge::fit("toy", examples, &config).unwrap().report().auc;
    assert!(auc(&examples) < 0.65, "{}", auc(&examples));
    assert!(auc(&apart) > 0.75, "{}", auc(&apart));
}

#[test]
fn two_fits_are_the_same_bits() {
    let examples = examples(100, |index| index % 2 == 0, |index| ["grumpy", "kind", "loud"][index * 7 % 3]);
    for kind in KINDS {
        let judges: Vec<Judge> = (0..2).map(|_| Judge::fit("toy", &examples, &config(kind)).unwrap()).collect();
        assert_eq!(judges[0].report(), judges[1].report());
        for text in ["a grumpy river", "quiet music", ""] {
            let bits = |judge: &Judge| judge.probability(text).to_bits();
            assert_eq!(bits(&judges[0]), bits(&judges[1]), "{kind:?}");
        }
    }
}

#[test]
fn everyday_answers_have_a_level() {
    let labelled = examples(60, |index| index % 2 == 0, |index| if index % 2 == 0 { "grumpy" } else { "kind" });
    let benign: Vec<String> = (0..30).map(|index| format!("kind answer number {index}, politely written")).collect();
    for kind in KINDS {
        let judge = Judge::fit_with_benign("toy", &labelled, &benign, &config(kind)).unwrap();
        let level = judge.report().level_on_benign.unwrap();
        assert!(level > 0.0 && level < 0.3, "{kind:?}: {level}");
        assert_eq!((judge.report().examples, judge.report().harmful), (90, 30));
    }
}

#[test]
fn only_the_beginning_is_read() {
    assert_eq!(beginning("  one two three", 7), "one two");
    assert_eq!(beginning("one two three", 9), "one two");
    assert_eq!(beginning("one two three", 0), "one two three");
    assert_eq!(beginning("one two three", 99), "one two three");
    assert_eq!(beginning("unbreakable", 5), "unbre");
    assert_eq!(beginning("äöü äöü", 3), "äöü");
    let examples = examples(60, |index| index % 2 == 0, |index| if index % 2 == 0 { "grumpy" } else { "kind" });
    let judge = Judge::fit("toy", &examples, &config(JudgeKind::WordLogistic)).unwrap();
    let long = format!("kind {}", "river ".repeat(50));
    assert_eq!(judge.probability(&long), judge.probability(&format!("{long} grumpy grumpy")));
}

#[test]
fn what_cannot_be_fitted_is_said() {
    let all_harmless = examples(20, |_| false, |_| "kind");
    let fit = |examples: &[Example], config: &JudgeConfig| Judge::fit("toy", examples, config).unwrap_err().to_string();
    let expected = "judge `toy`: field `harmful` is false in each of the 16 examples it would be fitted on";
    assert_eq!(fit(&all_harmless, &JudgeConfig::default()), expected);
    assert!(fit(&all_harmless[..4], &JudgeConfig::default()).contains("the examples have 2 prompts"));
    let folds = JudgeConfig { folds: 1, ..JudgeConfig::default() };
    assert_eq!(fit(&all_harmless, &folds), "judge `toy`: field `folds` is 1, expected 2 or more");
    let penalty = JudgeConfig { inverse_penalty: f64::NAN, ..JudgeConfig::default() };
    assert!(fit(&all_harmless, &penalty).contains("`inverse_penalty` is NaN"));
}

#[test]
fn area_of_given_probabilities() {
    assert_eq!(auc(&[0.1, 0.9, 0.4], &[false, true, false]), 1.0);
}
