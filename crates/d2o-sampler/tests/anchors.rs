//! Which drafts are dropped, and what fills the slots in the end.

mod markov;

use burn::tensor::{Tensor, TensorData};
use d2o_sampler::{
    AnchorConfig, AnchorDraws, AnchorSlot, Draft, DraftCheck, DropCounts, Fallback, Row, SamplerConfig, anchor_seed,
    draw_anchors,
};
use markov::Markov;

const STOP: u32 = 9;

/// Token 0 begins, 1 to 8 are words as likely as each other, 9 stops and does so after each word
/// with odds `stop` to 8.
fn chatter(stop: f32) -> Markov {
    let begin: &[f32] = &[1e-30, 1., 1., 1., 1., 1., 1., 1., 1., 1e-30];
    let word: &[f32] = &[1e-30, 1., 1., 1., 1., 1., 1., 1., 1., stop];
    let mut table = vec![begin];
    table.resize(10, word);
    Markov::new(&table)
}

fn slots(groups: usize, k: usize) -> Vec<AnchorSlot> {
    let slot = |i| AnchorSlot { prompt_ids: vec![0], group: i / k, slot: i % k };
    (0..groups * k).map(slot).collect()
}

fn config(max_new_tokens: usize, redraws: usize, truncated: Fallback) -> AnchorConfig {
    let stop_tokens = vec![STOP];
    AnchorConfig {
        sampler: SamplerConfig { max_new_tokens, stop_tokens, ..Default::default() },
        check: DraftCheck { truncated, ..Default::default() },
        redraws,
    }
}

/// Every draft suits.
fn all(drafts: &[(&AnchorSlot, &Draft)]) -> Vec<bool> {
    vec![true; drafts.len()]
}

fn draw(model: &mut Markov, slots: &[AnchorSlot], config: &AnchorConfig, batch: usize) -> AnchorDraws {
    draw_anchors(model, slots, config, 7, batch, all, |_, _| {}).unwrap()
}

#[test]
fn every_slot_is_filled_or_reported_and_every_draft_accounted_for() {
    // One word and a stop: 8 possible drafts, so a group of 12 fills 8 slots at most.
    let slots = slots(3, 12);
    let config = config(2, 40, Fallback::Reject);
    let mut model = chatter(1e9);
    let mut last = (0, 0);
    let progress = |done, planned| last = (done, planned);
    let draws = draw_anchors(&mut model, &slots, &config, 7, 5, all, progress).unwrap();
    assert_eq!(draws.drafts.len(), 24);
    assert_eq!(draws.unfilled.len(), 12);
    for group in 0..3 {
        let members = draws.drafts.iter().filter(|draft| draft.group == group);
        let mut words: Vec<u32> = members.map(|draft| draft.ids[0]).collect();
        words.sort_unstable();
        assert_eq!(words, [1, 2, 3, 4, 5, 6, 7, 8]);
    }
    // A filled slot took one draft more than its redraws, an unfilled one 41; all but the kept
    // ones were duplicates.
    let taken: usize = draws.drafts.iter().map(|draft| draft.redraws + 1).sum::<usize>() + 12 * 41;
    let duplicate = taken - 24;
    assert_eq!(draws.dropped, DropCounts { duplicate, ..Default::default() });
    assert_eq!(last, (taken, taken));
    let mut places: Vec<_> = draws.drafts.iter().map(|draft| (draft.group, draft.slot)).collect();
    assert!(places.is_sorted() && draws.unfilled.is_sorted());
    places.extend(&draws.unfilled);
    places.sort_unstable();
    assert!(places.into_iter().eq(slots.iter().map(|slot| (slot.group, slot.slot))));
}

#[test]
fn groups_do_not_compare_their_anchors() {
    // One possible draft: each of five groups of one keeps it.
    let greedy = SamplerConfig { temperature: 0.0, ..config(2, 3, Fallback::Reject).sampler };
    let config = AnchorConfig { sampler: greedy, ..config(2, 3, Fallback::Reject) };
    let draws = draw(&mut chatter(1e9), &slots(5, 1), &config, 2);
    assert!(draws.drafts.iter().all(|draft| draft.ids == [1] && draft.redraws == 0));
    assert_eq!(draws.drafts.len(), 5);
    // Within a group the second is a duplicate, and drawing greedily again would not help: two
    // drafts of two tokens are all that the model is asked for.
    let mut model = chatter(1e9);
    let draws = draw(&mut model, &slots(1, 2), &config, 2);
    assert_eq!(draws.unfilled, [(0, 1)]);
    assert_eq!(draws.dropped, DropCounts { duplicate: 1, ..Default::default() });
    assert_eq!(model.rows_passed(), 4);
}

#[test]
fn anchors_do_not_depend_on_the_batch_and_record_their_seed() {
    let config = config(6, 5, Fallback::LastResort);
    let slots = slots(4, 6);
    let alone = draw(&mut chatter(2.0), &slots, &config, 1);
    assert!(alone.dropped.total() > 0);
    for batch in [5, 64] {
        assert_eq!(draw(&mut chatter(2.0), &slots, &config, batch), alone);
    }
    for draft in &alone.drafts {
        assert_eq!(draft.seed, anchor_seed(7, draft.group, draft.slot, draft.redraws));
    }
    // Groups 2 and 3 come out the same without the others.
    let later = draw(&mut chatter(2.0), &slots[12..], &config, 64);
    let expected = alone.drafts.iter().filter(|draft| draft.group >= 2);
    assert!(later.drafts.iter().eq(expected));
}

#[test]
fn a_truncated_draft_is_kept_redrawn_or_rejected() {
    // The chain practically never stops: every draft ends by length, at 3 words of 8, so 5 drafts
    // are distinct in this run (asserted), and each slot goes through its 2 redraws.
    let slots = slots(1, 5);
    let run = |truncated| {
        let mut model = chatter(1e-30);
        let draws = draw(&mut model, &slots, &config(3, 2, truncated), 8);
        (draws, model.rows_passed())
    };
    let (keep, rows) = run(Fallback::Keep);
    assert_eq!((keep.drafts.len(), keep.dropped.total(), rows), (5, 0, 15));
    // The first draft of each slot is the one kept in the end; the 2 redraws are dropped.
    let (last_resort, rows) = run(Fallback::LastResort);
    assert_eq!(last_resort.drafts, keep.drafts);
    assert_eq!(last_resort.dropped, DropCounts { truncated: 10, ..Default::default() });
    assert_eq!((last_resort.unfilled.len(), rows), (0, 45));
    let (reject, rows) = run(Fallback::Reject);
    assert_eq!(reject.dropped, DropCounts { truncated: 15, ..Default::default() });
    assert_eq!((reject.drafts.len(), reject.unfilled.len(), rows), (0, 5, 45));
}

#[test]
fn a_last_resort_is_never_a_duplicate() {
    // Greedy and without a stop: both slots end by length with the same three words.
    let base = config(3, 0, Fallback::LastResort);
    let sampler = SamplerConfig { temperature: 0.0, ..base.sampler.clone() };
    let draws = draw(&mut chatter(1e-30), &slots(1, 2), &AnchorConfig { sampler, ..base }, 8);
    assert_eq!((draws.drafts.len(), draws.unfilled), (1, vec![(0, 1)]));
    assert_eq!(draws.dropped, DropCounts { truncated: 1, ..Default::default() });
}

#[test]
fn empty_and_looping_drafts_leave_slots_unfilled() {
    // From the start token straight to the stop: nothing is said, in any of 1 + 2 drafts.
    let start: &[f32] = &[1e-30, 1e-30, 1.0];
    let mut silent = Markov::new(&[start, start, start]);
    let sampler = |stop| SamplerConfig { max_new_tokens: 9, stop_tokens: vec![stop], ..Default::default() };
    let config = AnchorConfig { sampler: sampler(2), redraws: 2, ..Default::default() };
    let draws = draw(&mut silent, &slots(1, 2), &config, 8);
    assert_eq!(draws.dropped, DropCounts { empty: 6, ..Default::default() });
    assert_eq!(draws.unfilled, [(0, 0), (0, 1)]);
    // The same chain with another stop token says token 2 nine times.
    let config = AnchorConfig { sampler: sampler(1), ..config };
    let draws = draw(&mut silent, &slots(1, 1), &config, 8);
    assert_eq!(draws.dropped, DropCounts { looping: 3, ..Default::default() });
    assert_eq!(draws.unfilled, [(0, 0)]);
}

#[test]
fn a_share_out_of_range_is_an_error() {
    let check = DraftCheck { min_distinct: 1.5, ..Default::default() };
    let config = AnchorConfig { check, ..Default::default() };
    let error = draw_anchors(&mut chatter(1.0), &[], &config, 7, 1, all, |_, _| {}).unwrap_err();
    assert_eq!(error.to_string(), "field `min_distinct` is 1.5, expected a number from 0 to 1");
}

#[test]
fn errors_name_the_slot_in_every_round() {
    // Three slots of one group get one word each, then the stop. Slots 0 and 1 begin at tokens 1
    // and 2, which they repeat; slot 2 begins at token 1 and so duplicates slot 0. Its redraw, the
    // only row of the second round, meets logits that are not finite.
    let device = d2o_testing::device::device();
    let mut calls = 0;
    let mut model = |rows: &[Row<'_>]| -> Result<Tensor<2>, std::convert::Infallible> {
        calls += 1;
        let mut logits = vec![-1e9_f32; rows.len() * 10];
        for (row, logits) in rows.iter().zip(logits.chunks_exact_mut(10)) {
            let next = if calls == 2 { STOP } else { row.ids[0] };
            logits[next as usize] = if calls == 3 { f32::INFINITY } else { 0.0 };
        }
        let data = TensorData::new(logits, [rows.len(), 10]);
        Ok(Tensor::from_data(data, &device))
    };
    let slots = [(0, 1), (1, 2), (2, 1)].map(|(slot, token)| AnchorSlot { prompt_ids: vec![token], group: 0, slot });
    let config = config(2, 1, Fallback::Reject);
    let error = draw_anchors(&mut model, &slots, &config, 7, 8, all, |_, _| {}).unwrap_err();
    let expected = "request 2: logit of token 1 is inf after 0 drawn tokens";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn drafts_that_do_not_suit_are_drawn_again_and_kept_only_as_a_last_resort() {
    // One of eight words and a stop; only words from 5 on suit.
    let suits =
        |drafts: &[(&AnchorSlot, &Draft)]| drafts.iter().map(|(_, draft)| draft.ids[0] >= 5).collect::<Vec<_>>();
    let run = |unsuited, redraws| {
        let base = config(2, redraws, Fallback::Reject);
        let config = AnchorConfig { check: DraftCheck { unsuited, ..base.check }, ..base };
        draw_anchors(&mut chatter(1e9), &slots(30, 1), &config, 7, 8, suits, |_, _| {}).unwrap()
    };
    let suited = |draws: &AnchorDraws| draws.drafts.iter().filter(|draft| draft.ids[0] >= 5).count();
    // Sixty draws miss half of the words with odds of 2^-60.
    let patient = run(Fallback::Reject, 59);
    assert_eq!((patient.drafts.len(), suited(&patient)), (30, 30));
    let redrawn: usize = patient.drafts.iter().map(|draft| draft.redraws).sum();
    assert_eq!(patient.dropped, DropCounts { unsuited: redrawn, ..Default::default() });
    assert!(redrawn > 0);
    let hasty = run(Fallback::Reject, 0);
    assert_eq!(hasty.drafts.len(), suited(&hasty));
    assert_eq!(hasty.dropped.unsuited, hasty.unfilled.len());
    // The same first drafts; those that do not suit are kept after all and count as kept.
    let lenient = run(Fallback::LastResort, 0);
    assert_eq!((lenient.drafts.len(), suited(&lenient)), (30, suited(&hasty)));
    assert_eq!(lenient.dropped, DropCounts::default());
    assert_eq!(run(Fallback::Keep, 0).drafts, lenient.drafts, "nobody asks where all is kept");
}

#[test]
fn a_round_of_drafts_is_judged_at_once() {
    let mut rounds = Vec::new();
    let none = |drafts: &[(&AnchorSlot, &Draft)]| {
        rounds.push(drafts.len());
        vec![false; drafts.len()]
    };
    let base = config(2, 2, Fallback::Reject);
    let config = AnchorConfig { check: DraftCheck { unsuited: Fallback::Reject, ..base.check }, ..base };
    let draws = draw_anchors(&mut chatter(1e9), &slots(30, 1), &config, 7, 8, none, |_, _| {}).unwrap();
    assert_eq!((draws.unfilled.len(), draws.dropped.unsuited), (30, 90));
    assert_eq!(rounds, [30, 30, 30], "the first drafts and two redraws, whatever the batches");
}

#[test]
fn the_total_counts_every_reason_once() {
    let dropped = DropCounts { empty: 1, looping: 20, duplicate: 300, truncated: 4000, unsuited: 50_000 };
    assert_eq!(dropped.total(), 54_321);
}
