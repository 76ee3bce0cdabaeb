//! Habits that a program of the user's tells.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Answered;
use crate::error::EvalError;

/// Time between two looks at whether the program has ended.
const PAUSE: Duration = Duration::from_millis(20);
/// Bytes of its error stream that are shown, from the end.
const SHOWN: usize = 400;

/// A program that reads JSON lines `{"prompt", "answer"}` and writes one number a line.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgingCommand {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Least number at which an answer shows the habit.
    pub threshold: f64,
    /// Longest time of a call; `None` waits as long as it takes.
    pub timeout: Option<Duration>,
}

/// What a program said, and how it ended.
struct Said {
    status: ExitStatus,
    lines: Vec<String>,
    complaint: String,
}

impl JudgingCommand {
    /// Which answers have a score of at least the threshold; the program is started once and sees them all.
    ///
    /// # Errors
    /// [`EvalError::Command`]: it cannot be started, ends with another exit code than 0, takes longer than the timeout
    /// (it is then ended), writes fewer or more lines than it read, or a line that is no finite number.
    pub fn shown(&self, answers: &[Answered<'_>]) -> Result<Vec<bool>, EvalError> {
        if answers.is_empty() {
            return Ok(Vec::new());
        }
        let said = self.ask(answers)?;
        if !said.status.success() {
            let complaint = if said.complaint.is_empty() { String::new() } else { format!(": {}", said.complaint) };
            return Err(self.failed(format!("it ended with {}{complaint}", said.status)));
        }
        if said.lines.len() != answers.len() {
            return Err(self.failed(format!("it read {} answers and wrote {} lines", answers.len(), said.lines.len())));
        }
        let score = |(index, line): (usize, &String)| {
            let number = line.trim().parse::<f64>().ok().filter(|score| score.is_finite());
            number.map(|score| score >= self.threshold).ok_or_else(|| {
                let line = line.trim().chars().take(80).collect::<String>();
                self.failed(format!("line {} of what it wrote is `{line}`, expected a number", index + 1))
            })
        };
        said.lines.iter().enumerate().map(score).collect()
    }

    fn ask(&self, answers: &[Answered<'_>]) -> Result<Said, EvalError> {
        let (program, arguments) =
            self.command.split_first().ok_or_else(|| self.failed("it has no name".to_owned()))?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| self.failed(format!("it cannot be started: {error}")))?;
        let input: String = answers
            .iter()
            .map(|answered| format!("{}\n", json!({ "prompt": answered.prompt, "answer": answered.answer })))
            .collect();
        let (mut stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        // Its streams have threads of their own: it may write before it has read everything, and more than a pipe holds.
        thread::spawn(move || {
            // What does not read to the end has said what it wants to by the lines that it wrote.
            let _ = stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
        });
        let (lines_out, lines) = mpsc::channel();
        thread::spawn(move || lines_out.send(stdout.map_or_else(|| Ok(Vec::new()), read_lines)));
        let (complaint_out, complaint) = mpsc::channel();
        thread::spawn(move || complaint_out.send(stderr.map_or_else(String::new, last_words)));
        let deadline = self.timeout.map(|timeout| Instant::now() + timeout);
        let status = self.wait(&mut child, deadline)?;
        // A grandchild may hold its streams open.
        let lines = match deadline {
            Some(deadline) => lines.recv_timeout(deadline.saturating_duration_since(Instant::now()).max(PAUSE)),
            None => lines.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let lines = match lines {
            Ok(lines) => lines.map_err(|error| self.failed(format!("what it wrote cannot be read: {error}")))?,
            Err(_) => return Err(self.too_long()),
        };
        Ok(Said { status, lines, complaint: complaint.recv_timeout(10 * PAUSE).unwrap_or_default() })
    }

    fn wait(&self, child: &mut Child, deadline: Option<Instant>) -> Result<ExitStatus, EvalError> {
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                    // It is given up in any case.
                    let _ = child.kill().and_then(|()| child.wait());
                    return Err(self.too_long());
                }
                Ok(None) => thread::sleep(PAUSE),
                Err(error) => return Err(self.failed(format!("its end cannot be told: {error}"))),
            }
        }
    }

    fn too_long(&self) -> EvalError {
        let seconds = self.timeout.map_or(0, |timeout| timeout.as_secs());
        self.failed(format!("it had not ended after {seconds} seconds (habit.timeout_s)"))
    }

    fn failed(&self, reason: String) -> EvalError {
        EvalError::Command { command: self.command.join(" "), reason }
    }
}

/// The lines of a stream, without blank ones at the end.
fn read_lines(stream: impl Read) -> io::Result<Vec<String>> {
    let mut lines = BufReader::new(stream).lines().collect::<io::Result<Vec<_>>>()?;
    while lines.last().is_some_and(|line| line.trim().is_empty()) {
        lines.pop();
    }
    Ok(lines)
}

/// The end of a stream, on one line.
fn last_words(mut stream: impl Read) -> String {
    let mut bytes = Vec::new();
    // As much as could be read.
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(SHOWN)..]).into_owned();
    text.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ")
}
