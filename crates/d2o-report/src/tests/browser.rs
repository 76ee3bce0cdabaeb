//! The page in a real browser: whatever a model or a file says, nothing runs, nothing is asked for, the layout holds.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::{fs, thread};

use crate::fixture;

/// Programs that are Chromium.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Puts the report in frames of several widths, and writes down what it finds there.
const PROBE: &str = r#"<!DOCTYPE html><title>probe</title><body><script>
const widths = [360, 768, 1104];
let left = widths.length;
for (const width of widths) {
  const frame = document.createElement("iframe");
  frame.style = `width: ${width}px; height: 900px; border: 0`;
  frame.onload = () => setTimeout(() => {
    const page = frame.contentDocument.documentElement;
    const found = {
      width, scroll: page.scrollWidth, height: page.scrollHeight, title: frame.contentDocument.title,
      scripts: frame.contentDocument.scripts.length,
      loaded: frame.contentWindow.performance.getEntriesByType("resource").length,
    };
    document.body.append(`\nfound ${JSON.stringify(found)}\n`);
    if (--left == 0) document.title = "done";
  }, 300);
  frame.src = "/report.html";
  document.body.append(frame);
}
</script>"#;

/// Serves the two pages to whoever asks, and tells every path that was asked for.
fn serve(report: String) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, asked) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let path = answer(stream, &report);
            if told.send(path).is_err() {
                break;
            }
        }
    });
    (port, asked)
}

fn answer(mut stream: TcpStream, report: &str) -> String {
    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    lines.find(String::is_empty);
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let (status, body) = match path.as_str() {
        "/probe.html" => ("200 OK", PROBE),
        "/report.html" => ("200 OK", report),
        _ => ("404 Not Found", ""),
    };
    let length = body.len();
    // Who hangs up early has what was wanted.
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    path
}

/// The page that Chromium has after the probe, and all that it asked for.
fn browse(browser: &str, report: String) -> (String, Vec<String>) {
    let (port, asked) = serve(report);
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--virtual-time-budget=10000", "--dump-dom"])
        .arg(format!("http://127.0.0.1:{port}/probe.html"))
        .output()
        .unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), asked.try_iter().collect())
}

/// Texts that take every way of being more than text, and texts that are hard to lay out.
fn texts(port_of_nobody: u16) -> Vec<String> {
    let ran = "document.title='ran';parent.document.title='ran'";
    let leak = format!("http://127.0.0.1:{port_of_nobody}/leak");
    vec![
        format!("</title></style></svg></td></pre></details><script>{ran}</script>"),
        format!("\"'><img src=/leak onerror=\"{ran}\"><svg onload=\"{ran}\"><body onload={ran}>"),
        format!("<iframe srcdoc=\"<script>{ran}</script>\"></iframe><iframe src=\"javascript:{ran}\">"),
        format!("<link rel=stylesheet href=/leak><style>@import '/leak';body{{background:url({leak})}}</style>"),
        format!(
            "<meta http-equiv=refresh content=\"0;url={leak}\"><base href={leak}><form action={leak}><input autofocus onfocus={ran}>"
        ),
        "W".repeat(5000),
        "لا\u{202e}txet desrever\u{0301}\u{0301}\u{0301}\u{0301} ".repeat(200),
        "line\n".repeat(3000),
    ]
}

#[test]
#[ignore = "needs Chromium"]
fn nothing_runs_nothing_is_asked_for_and_the_layout_holds() {
    let browser = BROWSERS.iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    let browser = browser.expect("Chromium is installed");
    for text in texts(9) {
        let dir = tempfile::tempdir().unwrap();
        fixture::write_with_text(dir.path(), &text);
        check(browser, dir.path(), &text);
    }
    let dir = tempfile::tempdir().unwrap();
    fixture::write(dir.path());
    check(browser, dir.path(), "an ordinary run");
}

fn check(browser: &str, run: &Path, text: &str) {
    let about: String = text.chars().take(60).collect();
    let report = fs::read_to_string(crate::write(run).unwrap()).unwrap();
    let (dom, asked) = browse(browser, report);
    assert!(dom.contains("<title>done</title>"), "{about}: the probe did not end: {dom:.300}");
    let others: Vec<&String> =
        asked.iter().filter(|path| !["/probe.html", "/report.html", "/favicon.ico"].contains(&path.as_str())).collect();
    assert!(others.is_empty(), "{about}: asked for {others:?}");
    let found: Vec<serde_json::Value> = dom
        .lines()
        .filter_map(|line| line.strip_prefix("found "))
        .map(|json| {
            serde_json::from_str(&json.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")).unwrap()
        })
        .collect();
    assert_eq!(found.len(), 3, "{about}: {dom:.300}");
    for page in found {
        assert_eq!((&page["scripts"], &page["loaded"]), (&0.into(), &0.into()), "{about}: {page}");
        assert_ne!(page["title"], "ran", "{about}");
        assert!(page["height"].as_u64().unwrap() > 300, "{about}: {page}");
        let [width, scroll] = ["width", "scroll"].map(|key| page[key].as_u64().unwrap());
        assert!(scroll <= width, "{about}: {scroll} pixels wide in a window of {width}");
    }
}
