//! One line of words for what happened, shared by the bar and the plain lines.

use d2o_record::StepFigures;
use d2o_report::number::duration;

use d2o_record::Event;

/// The figures of a step: loss, rewards, both log-ratios, speed. Empty for any other event.
pub(super) fn figures(event: &Event) -> String {
    let Event::Step { figures, tokens, wall_s, .. } = event else {
        return String::new();
    };
    let StepFigures { loss, reward_margin, reward_accuracy, anchor_log_ratio, rejected_log_ratio, .. } = figures;
    let speed = if *wall_s > 0.0 { *tokens as f64 / wall_s } else { 0.0 };
    format!(
        "loss {loss:.3} · margin {reward_margin:+.3} · accuracy {reward_accuracy:.2} · anchors {anchor_log_ratio:+.2} · \
         rejected {rejected_log_ratio:+.2} · {speed:.0} tok/s"
    )
}

/// A sentence for those events that people should read even if they look away in between.
///
/// A tripped guard is told by the stop that follows it, an interruption by the error it ends in.
pub(super) fn notice(event: &Event) -> Option<String> {
    let line = match event {
        Event::StageSkipped { stage, reason } => Some(format!("{stage}: skipped, {reason}")),
        Event::StageFinished { stage, wall_s, detail } => {
            let detail = if detail.is_empty() { "done" } else { detail };
            Some(format!("{stage}: {detail} ({})", duration(*wall_s)))
        }
        Event::RunStarted {
            objective,
            groups,
            anchors_per_group,
            parameters_trained,
            parameters_total,
            steps,
            resumed_from,
            ..
        } => {
            let resumed = resumed_from.map_or(String::new(), |step| format!(", from step {step} on"));
            Some(format!(
                "{objective}: {groups} groups of {anchors_per_group} anchors, {:.1} of {:.1} M parameters, {steps} steps{resumed}",
                *parameters_trained as f64 / 1e6,
                *parameters_total as f64 / 1e6
            ))
        }
        Event::Stopped { step, reason } => Some(format!("stopped after step {step}: {reason}")),
        Event::Warning { message } => Some(format!("warning: {message}")),
        _ => None,
    }?;
    // A message may quote data, and data must not steer the terminal.
    Some(line.replace(char::is_control, " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_is_told_once() {
        let guard = Event::Guard { step: 4, name: "max_anchor_kl".to_owned(), value: 2.5, limit: 2.0, tripped: true };
        let stopped = Event::Stopped { step: 4, reason: "too far".to_owned() };
        let told: Vec<String> = [guard, stopped].iter().filter_map(notice).collect();
        assert_eq!(told, ["stopped after step 4: too far"]);
    }

    #[test]
    fn data_in_a_message_cannot_steer_the_terminal() {
        let event = Event::Warning { message: "row \u{1b}[2Jx\r\ny".to_owned() };
        assert_eq!(notice(&event).unwrap(), "warning: row  [2Jx  y");
    }
}
