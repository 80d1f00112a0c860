//! Ports that die: at the n-th point of a path, before a call or after it, nothing goes on.

use std::{
    collections::BTreeMap,
    future::{Future, pending},
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll, Waker},
};

use jiff::Timestamp;
use plumb_model::{
    Action, Calendar, Change, Control, Counter, Execution, Looker, PinnedDocument, Place, Policy,
    Remediation, ResourceRef, Tags, Usage,
};
use plumb_ports::{
    Approvals, FindingsQueue, Judgement, Ledger, NonCompliant, Page, PolicySource, PortError, ReadAutomation,
    ReadCalendar, ReadJudgement, ReadTags, Reevaluate, SendLater, StartAutomation, Written,
    sweep::{Cursor, Known, SweepMemory},
    tell::{Digest, Line, Waiting},
};
use plumb_tests::Memory;

/// The account in memory, seen by a function that is killed at one of its calls.
pub(crate) struct Crashing<'a> {
    memory: &'a Memory,
    /// The point at which it dies.
    at: usize,
    /// The points that it has reached.
    reached: AtomicUsize,
}

impl<'a> Crashing<'a> {
    /// Dies at this point; points are counted from 0, two a call: before it, and after it, when its answer is lost.
    pub(crate) fn new(memory: &'a Memory, at: usize) -> Self {
        Self { memory, at, reached: AtomicUsize::new(0) }
    }

    /// How many points it has reached.
    pub(crate) fn reached(&self) -> usize {
        self.reached.load(Ordering::Relaxed)
    }

    async fn point(&self) {
        if self.reached.fetch_add(1, Ordering::Relaxed) == self.at {
            pending::<()>().await;
        }
    }

    async fn call<T>(&self, call: impl Future<Output = T> + Send) -> T {
        self.point().await;
        let answer = call.await;
        self.point().await;
        answer
    }
}

/// Runs a future to its end; `None` if it died on the way, in which case it is dropped there. Everything in memory answers at
/// once, so that only a dead one has to wait.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

impl Ledger for &Crashing<'_> {
    async fn write(&self, change: &Change) -> Result<Written, PortError> {
        self.call(async { self.memory.write(change).await }).await
    }

    async fn by_execution(&self, execution_id: &str) -> Result<Option<Remediation>, PortError> {
        self.call(async { self.memory.by_execution(execution_id).await }).await
    }

    async fn get(&self, key: &str) -> Result<Option<Remediation>, PortError> {
        self.call(async { self.memory.get(key).await }).await
    }

    async fn usage(
        &self,
        record: &Remediation,
        counters: &[Counter],
        at: Timestamp,
    ) -> Result<Usage, PortError> {
        self.call(async { self.memory.usage(record, counters, at).await }).await
    }

    async fn due(&self, now: Timestamp, next: Option<String>) -> Result<Page, PortError> {
        self.call(async { self.memory.due(now, next).await }).await
    }
}

impl StartAutomation for &Crashing<'_> {
    async fn start(&self, action: &Action) -> Result<String, PortError> {
        self.call(async { self.memory.start(action).await }).await
    }
}

impl ReadAutomation for &Crashing<'_> {
    async fn execution(&self, place: &Place, execution_id: &str) -> Result<Execution, PortError> {
        self.call(async { self.memory.execution(place, execution_id).await }).await
    }
}

impl Approvals for &Crashing<'_> {
    async fn document(&self, name: &str, version: &str) -> Result<Option<PinnedDocument>, PortError> {
        self.call(async { self.memory.document(name, version).await }).await
    }

    async fn withdraw(&self, execution_id: &str) -> Result<(), PortError> {
        self.call(async { self.memory.withdraw(execution_id).await }).await
    }
}

impl PolicySource for &Crashing<'_> {
    async fn policy(&self, now: Timestamp) -> Result<Policy, PortError> {
        self.call(async { self.memory.policy(now).await }).await
    }
}

impl ReadTags for &Crashing<'_> {
    async fn tags(&self, control: &Control, resource: &ResourceRef) -> Result<Tags, PortError> {
        self.call(async { self.memory.tags(control, resource).await }).await
    }
}

impl ReadCalendar for &Crashing<'_> {
    async fn calendar(&self, name: &str) -> Result<Calendar, PortError> {
        self.call(async { self.memory.calendar(name).await }).await
    }
}

impl Reevaluate for &Crashing<'_> {
    async fn reevaluate(&self, place: &Place, rule: &str) -> Result<(), PortError> {
        self.call(async { self.memory.reevaluate(place, rule).await }).await
    }
}

impl ReadJudgement for &Crashing<'_> {
    async fn judgement(&self, rule: &str, resource: &ResourceRef) -> Result<Option<Judgement>, PortError> {
        self.call(async { self.memory.judgement(rule, resource).await }).await
    }
}

impl SendLater for &Crashing<'_> {
    async fn send_later(&self, to: Looker, body: &str, seconds: u32) -> Result<(), PortError> {
        self.call(async { self.memory.send_later(to, body, seconds).await }).await
    }
}

impl NonCompliant for &Crashing<'_> {
    async fn non_compliant(
        &self,
        rule: &str,
        next: Option<String>,
    ) -> Result<(Vec<ResourceRef>, Option<String>), PortError> {
        self.call(async { self.memory.non_compliant(rule, next).await }).await
    }
}

impl SweepMemory for &Crashing<'_> {
    async fn cursor(&self) -> Result<Option<Cursor>, PortError> {
        self.call(async { self.memory.cursor().await }).await
    }

    async fn remember(&self, cursor: Option<&Cursor>) -> Result<(), PortError> {
        self.call(async { self.memory.remember(cursor).await }).await
    }

    async fn first_time(&self, what: &str, now: Timestamp) -> Result<bool, PortError> {
        self.call(async { self.memory.first_time(what, now).await }).await
    }
}

impl Known for &Crashing<'_> {
    async fn known(&self, keys: &[String]) -> Result<BTreeMap<String, Remediation>, PortError> {
        self.call(async { self.memory.known(keys).await }).await
    }
}

impl Digest for &Crashing<'_> {
    async fn add(&self, lines: &[Line]) -> Result<(), PortError> {
        self.call(async { self.memory.add(lines).await }).await
    }

    async fn next(&self) -> Result<Vec<Waiting>, PortError> {
        self.call(async { Digest::next(&self.memory).await }).await
    }

    async fn delete(&self, waiting: &[Waiting]) -> Result<(), PortError> {
        self.call(async { Digest::delete(&self.memory, waiting).await }).await
    }
}

/// One of the two queues, as the sweep sees it.
pub(crate) struct Queue<'a>(pub(crate) &'a Crashing<'a>, pub(crate) Looker);

impl FindingsQueue for Queue<'_> {
    async fn send(&self, bodies: &[String]) -> Result<usize, PortError> {
        let batch = async {
            for body in bodies {
                self.0.memory.send_later(self.1, body, 0).await?;
            }
            Ok(0)
        };
        self.0.call(batch).await
    }
}
