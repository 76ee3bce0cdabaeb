//! A dataset is what its steps give one after another, with the fingerprints of those steps.

use d2o_data::{
    ChatTemplate, DataError, Dataset, DatasetOptions, EncodedRow, Encoder, Limits, LintKind, LoadOptions,
    NegativeSample, Place, Prompt, TextTokenizer, deduplicate, lint, shuffle, split_by_prompt,
};
use sha2::{Digest, Sha256};

fn encoder() -> Encoder {
    let tokenizer = TextTokenizer::train(["question and answer an"; 4], 400, &["<|end|>"]).unwrap();
    Encoder::new(tokenizer, None, 0)
}

/// Sixty rows on forty prompts, some of them long, some answers cut, two rows twice.
fn samples() -> Vec<NegativeSample> {
    let sample = |line: usize| {
        let prompt = format!("question {}{}", line % 40, " and".repeat(line % 7));
        let rejected = format!("answer {}{}", line % 58, " an".repeat(line % 11));
        NegativeSample {
            id: format!("row-{line}"),
            prompt: Prompt::Text(prompt),
            rejected,
            chosen: line.is_multiple_of(3).then(|| format!("a kind answer {line}")),
            place: Place { path: "rows.jsonl".into(), line },
        }
    };
    let mut samples: Vec<NegativeSample> = (0..60).map(sample).collect();
    samples.extend([sample(3), sample(4)]);
    samples
}

fn options() -> DatasetOptions {
    let limits = Limits { max_prompt_tokens: 8, max_response_tokens: 9 };
    DatasetOptions { held_out: 0.3, limits, seed: 11, ..DatasetOptions::default() }
}

fn dataset(options: &DatasetOptions) -> Dataset {
    Dataset::from_samples(samples(), options, &encoder()).unwrap()
}

/// The rows of one side by the crate's single steps.
fn encoded(side: &[NegativeSample], limits: &Limits) -> (Vec<EncodedRow>, usize, usize) {
    let encoder = encoder();
    let (mut rows, mut long, mut cut) = (Vec::new(), 0, 0);
    for sample in side {
        let (sequence, was_cut) = encoder.sequence(&sample.prompt, &sample.rejected, limits).unwrap();
        if sequence.prompt_len > limits.max_prompt_tokens {
            long += 1;
            continue;
        }
        cut += usize::from(was_cut);
        let chosen = sample.chosen.as_ref().map(|text| encoder.sequence(&sample.prompt, text, limits).unwrap().0);
        rows.push(EncodedRow {
            id: sample.id.clone(),
            prompt: sample.prompt.clone(),
            prompt_ids: sequence.prompt().to_vec(),
            rejected: sample.rejected.clone(),
            rejected_ids: sequence.response().to_vec(),
            chosen: sample.chosen.clone(),
            chosen_ids: chosen.map(|sequence| sequence.response().to_vec()).unwrap_or_default(),
        });
    }
    (rows, long, cut)
}

fn fingerprint(rows: &[EncodedRow]) -> String {
    let json = |row: &EncodedRow| serde_json::to_string(&(&row.id, &row.prompt_ids, &row.rejected_ids)).unwrap();
    let text: String = rows.iter().map(json).collect();
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_dataset_is_what_its_steps_give() {
    let options = options();
    let found = dataset(&options);
    let (rows, duplicates) = deduplicate(samples());
    let report = lint(&rows, &encoder(), &options.limits);
    let mut split = split_by_prompt(rows, options.held_out, options.seed);
    shuffle(&mut split.train, options.seed);
    let (train, long_train, cut_train) = encoded(&split.train, &options.limits);
    let (held_out, long_held_out, cut_held_out) = encoded(&split.held_out, &options.limits);
    assert!(train.len() > 10 && held_out.len() > 5 && long_train > 0 && cut_train > 0, "the rows show every case");

    assert_eq!((&found.train, &found.held_out), (&train, &held_out));
    assert_eq!(found.fingerprint, fingerprint(&train));
    assert_eq!(found.held_out_fingerprint, fingerprint(&held_out));
    assert_eq!(found.train_prompts, split.train.iter().map(|row| row.prompt.key()).collect::<Vec<_>>());
    assert_eq!(found.lint, report);
    assert!(report.count(LintKind::Truncated) > 0 && report.count(LintKind::LongPrompt) > 0);
    let summary = &found.summary;
    assert_eq!((summary.rows, summary.duplicates, duplicates), (62, 2, 2));
    assert_eq!((summary.long_prompts, summary.cut_answers), (long_train + long_held_out, cut_train + cut_held_out));
    assert_eq!((summary.train, summary.held_out), (train.len(), held_out.len()));
}

#[test]
fn fewer_groups_and_shorter_answers_are_the_beginnings_of_all() {
    let whole = dataset(&options());
    let part = dataset(&DatasetOptions { max_groups: 5, max_rejected_tokens: 3, ..options() });
    assert_eq!((part.train.len(), part.summary.train), (5, 5));
    for (short, long) in part.train.iter().zip(&whole.train) {
        assert_eq!((&short.id, short.rejected_ids.as_slice()), (&long.id, &long.rejected_ids[..3]));
        assert_eq!(short.chosen_ids, long.chosen_ids);
    }
    assert_eq!(part.summary.mean_rejected_tokens, 3.0);
    assert_eq!((part.train_prompts, part.held_out), (whole.train_prompts, whole.held_out));
}

#[test]
fn other_rejected_answers_change_the_rows_and_their_fingerprint() {
    let mut changed = dataset(&DatasetOptions { max_groups: 3, ..options() });
    let before = changed.fingerprint.clone();
    let own = changed.train[0].rejected_ids.len();
    changed.replace_rejected([None, Some(("own".to_owned(), vec![5, 6, 7])), None], 2);
    assert_eq!((changed.train[1].rejected.as_str(), changed.train[1].rejected_ids.as_slice()), ("own", &[5, 6][..]));
    assert_eq!((changed.train[0].rejected_ids.len(), changed.summary.own_rejected), (own, 1));
    assert_eq!(changed.fingerprint, fingerprint(&changed.train));
    assert_ne!(changed.fingerprint, before);
}

#[test]
fn a_dataset_without_rows_to_train_on_says_where_they_went() {
    let limits = Limits { max_prompt_tokens: 1, max_response_tokens: 9 };
    let error = Dataset::from_samples(samples(), &DatasetOptions { limits, ..options() }, &encoder()).err().unwrap();
    assert!(matches!(error, DataError::NoGroups { .. }));
    assert_eq!(
        error.to_string(),
        "no group is left to train on: 62 rows read, 2 duplicates, 60 with a prompt beyond data.max_prompt_tokens, \
         0 held out"
    );
    assert!(error.hint().unwrap().contains("data.max_prompt_tokens"));
}

const STRICT: &str = "{% for m in messages %}{% if 'bad' in m.content %}\n{{ raise_exception('roles must alternate') }}{% endif %}\
                      {{ m.content }}{% endfor %}";

fn row(line: usize, prompt: &str) -> NegativeSample {
    let place = Place { path: "rows.jsonl".into(), line };
    NegativeSample {
        id: format!("r{line}"),
        prompt: Prompt::Text(prompt.to_owned()),
        rejected: format!("an answer {line}"),
        chosen: None,
        place,
    }
}

fn strict(prompts: &[&str], source: &str) -> Result<Dataset, DataError> {
    let template = ChatTemplate::new(source, "", "").unwrap();
    let encoder = Encoder::new(encoder().tokenizer().clone(), Some(template), 0);
    let rows = prompts.iter().enumerate().map(|(index, prompt)| row(index + 1, prompt)).collect();
    Dataset::from_samples(rows, &DatasetOptions { held_out: 0.0, ..DatasetOptions::default() }, &encoder)
}

#[test]
fn a_row_that_the_template_refuses_is_left_out_and_listed() {
    let data = strict(&["question", "a bad question", "answer and question"], STRICT).unwrap();
    assert_eq!((data.summary.rows, data.summary.train, data.summary.refused_prompts), (3, 2, 1));
    let finding = data.lint.findings.iter().find(|finding| finding.kind == LintKind::RefusedPrompt).unwrap();
    assert_eq!((finding.rows, finding.places.as_slice()), (1, &["rows.jsonl:2".to_owned()][..]));
    assert!(data.lint.to_string().contains("prompt that cannot be framed"), "{}", data.lint);
    // The other rows stand in the order that they have without it.
    let ids = |data: &Dataset| data.train.iter().map(|row| row.id.clone()).collect::<Vec<_>>();
    let all = strict(&["question", "a good question", "answer and question"], STRICT).unwrap();
    assert_eq!(ids(&data), ids(&all).into_iter().filter(|id| id != "r2").collect::<Vec<_>>());
}

#[test]
fn a_row_that_the_template_refuses_is_an_error_to_those_who_asked_for_it() {
    let template = ChatTemplate::new(STRICT, "", "").unwrap();
    let encoder = Encoder::new(encoder().tokenizer().clone(), Some(template), 0);
    let load = LoadOptions { strict: true, ..LoadOptions::default() };
    let options = DatasetOptions { held_out: 0.0, load, ..DatasetOptions::default() };
    let rows = |prompts: [&str; 2]| prompts.iter().zip(1..).map(|(prompt, line)| row(line, prompt)).collect();
    assert!(Dataset::from_samples(rows(["question", "a good question"]), &options, &encoder).is_ok());
    let error = Dataset::from_samples(rows(["question", "a bad question"]), &options, &encoder).err().unwrap();
    assert!(error.to_string().starts_with("rows.jsonl:2: prompt that cannot be framed"), "{error}");
}

#[test]
fn where_no_row_can_be_framed_the_first_is_named_with_the_templates_line() {
    let error = strict(&["bad", "bad too"], STRICT).err().unwrap();
    assert_eq!(
        error.to_string(),
        "rows.jsonl:1: prompt that cannot be framed: chat template line 2: roles must alternate"
    );
    assert!(error.hint().unwrap().contains("no two turns in a row"));
    let long = "question ".repeat(300);
    let error = strict(&[&long, "bad"], STRICT).err().unwrap().to_string();
    assert!(error.contains("1 that cannot be framed, the first of them rows.jsonl:2: "), "{error}");
}

#[test]
fn a_template_that_never_ends_is_given_up_after_a_few_rows() {
    let endless = "{% macro m() %}{{ m() }}{% endmacro %}{% if 'bad' in messages[0].content %}{{ m() }}{% endif %}a";
    let prompts: Vec<String> = (0..20).map(|row| format!("bad question {row}")).collect();
    let mut prompts: Vec<&str> = prompts.iter().map(String::as_str).collect();
    prompts.insert(0, "question");
    let error = strict(&prompts, endless).err().unwrap().to_string();
    assert!(error.starts_with("rows.jsonl:9: ") && error.contains("calls itself too deeply"), "{error}");
    assert_eq!(strict(&prompts[..5], endless).unwrap().summary.refused_prompts, 4);
}
