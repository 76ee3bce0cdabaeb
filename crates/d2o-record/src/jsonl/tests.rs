use super::*;

fn checkpoint(step: usize) -> Event {
    Event::Checkpoint { step, path: format!("checkpoints/{step}") }
}

fn guard(step: usize, value: f64) -> Event {
    Event::Guard { step, name: "anchor_kl".to_owned(), value, limit: 2.0, tripped: false }
}

fn written(events: &[Event]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    let mut lines = JsonLines::create(&path).unwrap();
    for event in events {
        lines.observe(event).unwrap();
    }
    (dir, path)
}

#[test]
fn one_object_a_line_readable_at_once() {
    let (_dir, path) = written(&[checkpoint(1), Event::Interrupted { step: 2 }]);
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines,
        [r#"{"event":"checkpoint","step":1,"path":"checkpoints/1"}"#, r#"{"event":"interrupted","step":2}"#]
    );
    assert!(text.ends_with('\n'));
}

#[test]
fn a_number_that_is_none_comes_back_as_nan() {
    let (_dir, path) = written(&[guard(1, f64::NAN), guard(2, f64::INFINITY)]);
    for event in read(&path).unwrap() {
        assert!(matches!(event, Event::Guard { value, .. } if value.is_nan()));
    }
}

#[test]
fn truncation_leaves_one_line_per_step() {
    let before = [
        Event::StageStarted { stage: "train".to_owned() },
        checkpoint(2),
        guard(3, 0.5),
        checkpoint(4),
        Event::Interrupted { step: 4 },
        Event::Finished { steps: 4, wall_s: 1.0 },
    ];
    let (_dir, path) = written(&before);
    // Of the six, the last three speak of step 4.
    assert_eq!(truncate_after(&path, 3).unwrap(), 3);
    assert_eq!(read(&path).unwrap(), before[..3]);
    let mut lines = JsonLines::resume(&path, 2).unwrap();
    lines.observe(&guard(3, 0.25)).unwrap();
    lines.observe(&checkpoint(4)).unwrap();
    let steps: Vec<usize> = read(&path).unwrap().iter().filter_map(Event::step).collect();
    assert_eq!(steps, [2, 3, 4]);
}

#[test]
fn a_torn_last_line_goes_and_the_rest_stays() {
    let (_dir, path) = written(&[checkpoint(1)]);
    let whole = fs::read(&path).unwrap();
    // Cut a second line at every byte, also inside a character of two bytes.
    let second = "{\"event\":\"warning\",\"message\":\"ä\"}";
    for cut in 1..second.len() {
        let mut bytes = whole.clone();
        bytes.extend_from_slice(&second.as_bytes()[..cut]);
        fs::write(&path, &bytes).unwrap();
        assert_eq!(read(&path).unwrap(), [checkpoint(1)], "cut at {cut}");
        drop(JsonLines::append(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), whole, "cut at {cut}");
    }
}

#[test]
fn a_whole_last_line_without_its_newline_gets_one() {
    let (_dir, path) = written(&[checkpoint(1), checkpoint(2)]);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let mut lines = JsonLines::append(&path).unwrap();
    lines.observe(&checkpoint(3)).unwrap();
    assert_eq!(read(&path).unwrap(), [checkpoint(1), checkpoint(2), checkpoint(3)]);
}

#[test]
fn a_bad_line_in_the_middle_is_named_and_nothing_is_lost() {
    let (_dir, path) = written(&[checkpoint(1)]);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(b"{\"event\":\"nonsense\"}\n{\"event\":\"interrupted\",\"step\":9}\n");
    fs::write(&path, &bytes).unwrap();
    let error = truncate_after(&path, 1).unwrap_err();
    assert!(error.to_string().contains("events.jsonl:2:"), "{error}");
    assert!(error.hint().unwrap().contains("line 2"));
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn no_file_is_an_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    assert_eq!(read(&path).unwrap(), []);
    assert_eq!(truncate_after(&path, 0).unwrap(), 0);
    let missing = dir.path().join("nowhere").join("events.jsonl");
    let error = JsonLines::create(&missing).unwrap_err();
    assert!(error.to_string().ends_with("cannot create"), "{error}");
}

#[test]
fn steps_that_nobody_told_of_are_counted() {
    let (_dir, path) = written(&[step(1), step(2), checkpoint(2), step(4)]);
    assert_eq!(lost_steps(&path, 2).unwrap(), 0);
    assert_eq!(lost_steps(&path, 5).unwrap(), 2, "3 and 5");
}

/// A step of a pretraining, which has the fewest figures.
fn step(step: usize) -> Event {
    let (loss, grad_norm, learning_rate) = (1.0, 1.0, 1.0);
    let (epoch, tokens, padding_share, wall_s, cpu_s, rss_mb) = (0.0, 1, 0.0, 0.0, 0.0, 0.0);
    let steps = 9;
    Event::PretrainStep {
        step,
        steps,
        epoch,
        loss,
        grad_norm,
        learning_rate,
        tokens,
        padding_share,
        wall_s,
        cpu_s,
        rss_mb,
    }
}
