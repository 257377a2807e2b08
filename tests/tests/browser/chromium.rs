//! A headless Chromium, told what to do through a pair of pipes (`--remote-debugging-pipe`): JSON messages that end with
//! a zero byte.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use serde_json::{Value, json};
use tandem_tests::until;

/// What is wrong with a page as it is shown.
pub const CHECKS: &str = include_str!("checks.js");

/// Where pictures stay.
pub fn output() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-output");
    std::fs::create_dir_all(&folder).expect("target is writable");
    folder
}

pub fn skip() {
    // A test whose reader is gone has nobody to tell.
    let _ = writeln!(std::io::stdout().lock(), "SKIP browser: chromium is not installed");
}

/// The browser with one tab; ends when dropped.
pub struct Chromium {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    profile: PathBuf,
    tab: Option<String>,
    next: u64,
}

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    pub width: u32,
    pub height: u32,
    pub dark: bool,
}

impl Chromium {
    /// `None` when it is not installed.
    pub fn start() -> Option<Chromium> {
        let is_there = Command::new("chromium")
            .arg("--version")
            .stderr(Stdio::null())
            .output()
            .is_ok_and(|out| out.status.success());
        if !is_there {
            return None;
        }
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tandem-chromium-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let profile = std::env::temp_dir().join(name);
        // The browser wants its pipes at the numbers 3 and 4.
        let line = "exec chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
                    --hide-scrollbars --remote-debugging-pipe --user-data-dir=\"$0\" about:blank \
                    3<&0 4>&1 0</dev/null 1>/dev/null";
        let mut child = Command::new("sh")
            .args(["-c", line])
            .arg(&profile)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let orders = child.stdin.take().expect("it was piped");
        let answers = BufReader::new(child.stdout.take().expect("it was piped"));
        let mut browser = Chromium {
            child,
            orders,
            answers,
            profile,
            tab: None,
            next: 0,
        };
        let target = browser.order("Target.createTarget", &json!({"url": "about:blank"}));
        let id = target["targetId"].as_str().expect("a tab").to_owned();
        let attached = browser.order("Target.attachToTarget", &json!({"targetId": id, "flatten": true}));
        browser.tab = attached["sessionId"].as_str().map(str::to_owned);
        Some(browser)
    }

    pub fn look_through(&mut self, screen: Screen) {
        let Screen { width, height, dark } = screen;
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.order("Emulation.setDeviceMetricsOverride", &metrics);
        let theme = if dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": theme}]});
        self.order("Emulation.setEmulatedMedia", &media);
    }

    /// What pages bring along is not run any more; what is asked for here is.
    pub fn without_scripts(&mut self) {
        self.order("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
    }

    /// Opens a page and waits until it is there.
    #[track_caller]
    pub fn open(&mut self, url: &str) {
        self.run("window.left = true");
        self.order("Page.navigate", &json!({"url": url}));
        self.arrive();
    }

    /// Does what leads to another page, and waits until that is there.
    #[track_caller]
    pub fn follow(&mut self, expression: &str) {
        self.run(&format!("window.left = true; {expression}"));
        self.arrive();
    }

    #[track_caller]
    fn arrive(&mut self) {
        let parameters = json!({"expression": "!window.left && document.readyState", "returnByValue": true});
        until("the page", || {
            // Between two pages there is nobody to ask.
            let answer = self.answer("Runtime.evaluate", &parameters);
            (answer["result"]["result"]["value"] == "complete").then_some(())
        });
    }

    /// The value of an expression in the page; a promise is waited for.
    #[track_caller]
    pub fn run(&mut self, expression: &str) -> Value {
        let parameters =
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true});
        let answer = self.order("Runtime.evaluate", &parameters);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// One key by its name.
    pub fn press(&mut self, key: &str) {
        let (code, typed) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            " " => (32, " "),
            "ArrowDown" => (40, ""),
            _ => panic!("the key {key} has no code here"),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { typed } else { "" };
            let event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
            self.order("Input.dispatchKeyEvent", &event);
        }
    }

    /// The whole page as a picture.
    pub fn picture(&mut self, file: &Path) {
        let shot = self.order(
            "Page.captureScreenshot",
            &json!({"format": "png", "captureBeyondViewport": true}),
        );
        let bytes = decoded(shot["data"].as_str().unwrap_or_default());
        std::fs::write(file, bytes).expect("the folder for test output is writable");
    }

    #[track_caller]
    fn order(&mut self, method: &str, parameters: &Value) -> Value {
        let answer = self.answer(method, parameters);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    fn answer(&mut self, method: &str, parameters: &Value) -> Value {
        self.next += 1;
        let number = self.next;
        let mut message = json!({"id": number, "method": method, "params": parameters});
        if let Some(tab) = &self.tab {
            message["sessionId"] = json!(tab);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.orders.write_all(&bytes).expect("the browser listens");
        loop {
            let answer = self.read();
            if answer["id"] == number {
                return answer;
            }
        }
    }

    fn read(&mut self) -> Value {
        let mut message = Vec::new();
        self.answers.read_until(0, &mut message).expect("the browser talks");
        message.pop();
        serde_json::from_slice(&message).expect("the browser has not ended")
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_dir_all(&self.profile).ok();
    }
}

/// Base 64, RFC 4648.
fn decoded(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut out, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for six in text.bytes().filter_map(|b| DIGITS.iter().position(|d| *d == b)) {
        bits = bits << 6 | six as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}
