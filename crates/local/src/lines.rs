//! A child process that is asked in JSON lines and answers in JSON lines, many at a time.

use std::{
    collections::HashMap,
    process::Stdio,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        oneshot,
    },
};

/// A handle on the process; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Lines(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Map<String, Value>>>>,
    /// Taken when it is to end: its stdin closes then.
    writer: Mutex<Option<UnboundedSender<String>>>,
    child: Mutex<Option<Child>>,
}

impl Lines {
    /// Starts the process.
    pub(crate) fn start(mut command: Command) -> std::io::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let missing = || std::io::Error::other("the process has no pipes");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let (writer, queue) = unbounded_channel();
        let lines = Self(Arc::new(Shared {
            next: AtomicU64::new(1),
            waiting: Mutex::default(),
            writer: Mutex::new(Some(writer)),
            child: Mutex::new(Some(child)),
        }));
        tokio::spawn(write(stdin, queue));
        tokio::spawn(read(stdout, Arc::clone(&lines.0)));
        Ok(lines)
    }

    /// Asks; the answer's members, or nothing if the process has ended. Giving up on the answer sends `{"stop":true}`.
    pub(crate) async fn ask(&self, mut question: Map<String, Value>) -> Option<Map<String, Value>> {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        question.insert("id".to_owned(), json!(id));
        let (sender, receiver) = oneshot::channel();
        lock(&self.0.waiting).insert(id, sender);
        let asked = Asked { lines: self, id };
        self.send(Value::Object(question).to_string())?;
        let answer = receiver.await.ok();
        drop(asked);
        answer
    }

    /// Lets the process end.
    pub(crate) fn close(&self) {
        drop(lock(&self.0.writer).take());
        lock(&self.0.waiting).clear();
    }

    /// Waits until it has ended.
    pub(crate) async fn gone(&self) {
        self.close();
        let child = lock(&self.0.child).take();
        if let Some(child) = child {
            crate::python::Launched::new(child).gone().await;
        }
    }

    fn send(&self, line: String) -> Option<()> {
        lock(&self.0.writer).as_ref()?.send(line).ok()
    }
}

/// A question on its way: if it is dropped unanswered, the process is told.
struct Asked<'a> {
    lines: &'a Lines,
    id: u64,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if lock(&self.lines.0.waiting).remove(&self.id).is_some() {
            // If the process has ended, there is nothing to stop.
            let _ = self.lines.send(json!({"id": self.id, "stop": true}).to_string());
        }
    }
}

async fn write(mut stdin: ChildStdin, mut queue: UnboundedReceiver<String>) {
    while let Some(mut line) = queue.recv().await {
        line.push('\n');
        if stdin.write_all(line.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stdout: ChildStdout, shared: Arc<Shared>) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(Value::Object(answer)) = serde_json::from_str(&line) else { continue };
        let id = answer.get("id").and_then(Value::as_u64).unwrap_or_default();
        let waiting = lock(&shared.waiting).remove(&id);
        if let Some(waiting) = waiting {
            // Whoever asked may have given up.
            let _ = waiting.send(answer);
        }
    }
    lock(&shared.writer).take();
    lock(&shared.waiting).clear();
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
