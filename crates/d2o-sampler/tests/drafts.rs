//! The verdict on single drafts.

use d2o_sampler::{Draft, DraftCheck, DraftVerdict, Fallback, Finish};

const STOP: u32 = 9;

fn stopped(ids: impl IntoIterator<Item = u32>) -> Draft {
    Draft { ids: ids.into_iter().collect(), finished: Finish::Stop(STOP), log_prob: -1.0 }
}

fn cut(ids: impl IntoIterator<Item = u32>) -> Draft {
    Draft { finished: Finish::Length, ..stopped(ids) }
}

#[test]
fn short_drafts_are_empty() {
    let check = DraftCheck { min_tokens: 3, ..Default::default() };
    assert_eq!(check.verdict(&stopped([1, 2]), []), DraftVerdict::Empty);
    assert_eq!(check.verdict(&stopped([1, 2, 3]), []), DraftVerdict::Keep);
    let none = DraftCheck { min_tokens: 0, ..Default::default() };
    assert_eq!(none.verdict(&stopped([]), []), DraftVerdict::Keep);
}

#[test]
fn an_ngram_repeated_at_the_end_is_a_loop() {
    // min_distinct 0 leaves the repetition rule alone: three copies of at most 2 tokens.
    let check = DraftCheck { max_repeat_ngram: 2, max_repeats: 3, min_distinct: 0.0, ..Default::default() };
    assert!(check.is_looping(&[8, 1, 1, 1]));
    assert!(check.is_looping(&[8, 1, 2, 1, 2, 1, 2]));
    assert!(!check.is_looping(&[8, 1, 1]));
    assert!(!check.is_looping(&[1, 2, 1, 2, 1, 2, 8]));
    assert!(!check.is_looping(&[1, 2, 3, 1, 2, 3, 1, 2, 3]));
    assert!(!check.is_looping(&[]));
    let off = DraftCheck { max_repeats: 0, ..check };
    assert!(!off.is_looping(&[1; 40]));
}

#[test]
fn few_distinct_four_grams_are_a_loop() {
    // Nine copies of 1 2 3 and a last 8: 28 tokens, 25 4-grams, of which 3 rotations of the cycle
    // and the last one are distinct: 4 of 25 = 0.16.
    let mut ids = [1, 2, 3].repeat(9);
    ids.push(8);
    let looping = |min_distinct| DraftCheck { min_distinct, ..Default::default() }.is_looping(&ids);
    assert!(looping(0.17));
    assert!(!looping(0.16));
    assert!(!looping(0.0));
}

#[test]
fn the_first_fault_counts() {
    let check = DraftCheck::default();
    let kept: [&[u32]; 2] = [&[1, 2], &[5; 6]];
    assert_eq!(check.verdict(&cut([]), kept), DraftVerdict::Empty);
    assert_eq!(check.verdict(&cut([5; 6]), kept), DraftVerdict::Looping);
    assert_eq!(check.verdict(&cut([1, 2]), kept), DraftVerdict::Duplicate);
    assert_eq!(check.verdict(&cut([2, 1]), kept), DraftVerdict::Truncated);
    assert_eq!(check.verdict(&stopped([2, 1]), kept), DraftVerdict::Keep);
    let keep = DraftCheck { truncated: Fallback::Keep, ..check };
    assert_eq!(keep.verdict(&cut([2, 1]), kept), DraftVerdict::Keep);
}
