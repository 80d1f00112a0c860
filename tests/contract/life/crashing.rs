//! Ports that die: at the n-th point of a path, before a call or after it, nothing goes on.

use std::{
    future::{Future, pending},
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll, Waker},
};

use jiff::Timestamp;
use plumb_model::{
    Action, Change, Counter, Execution, Looker, PinnedDocument, Policy, Remediation, ResourceRef, Usage,
};
use plumb_ports::{
    Approvals, Judgement, Ledger, Page, PolicySource, PortError, ReadAutomation, ReadJudgement, Reevaluate,
    SendLater, StartAutomation, Written,
};
use plumb_tests::Memory;

/// The account in memory, seen by a function that is killed at one of its calls.
pub(crate) struct Crashing<'a> {
    memory: &'a Memory,
    /// How many points are passed before it dies.
    left: AtomicUsize,
}

impl<'a> Crashing<'a> {
    /// Dies at this point; points are counted from 0, two a call: before it, and after it, when its answer is lost.
    pub(crate) fn new(memory: &'a Memory, at: usize) -> Self {
        Self { memory, left: AtomicUsize::new(at) }
    }

    async fn point(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 0 {
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
    async fn execution(&self, execution_id: &str) -> Result<Execution, PortError> {
        self.call(async { self.memory.execution(execution_id).await }).await
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

impl Reevaluate for &Crashing<'_> {
    async fn reevaluate(&self, rule: &str) -> Result<(), PortError> {
        self.call(async { self.memory.reevaluate(rule).await }).await
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
