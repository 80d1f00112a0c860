//! Verdicts on their way to AWS Config: by the hundred, each resource once.

use plumb_ports::{Evaluation, PutEvaluations};

use crate::Unanswered;

/// `PutEvaluations` takes at most this many
/// ([API](https://docs.aws.amazon.com/config/latest/APIReference/API_PutEvaluations.html)).
const MOST: usize = 100;

/// What is to be said for one result token.
#[derive(Debug)]
pub(crate) struct Answers<'a, C> {
    config: &'a C,
    token: &'a str,
    test: bool,
    waiting: Vec<Evaluation>,
    /// How many verdicts of each kind were given.
    pub(crate) counts: Counts,
}

/// How many verdicts of each kind there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// `COMPLIANT`.
    pub compliant: usize,
    /// `NON_COMPLIANT`.
    pub non_compliant: usize,
    /// `NOT_APPLICABLE`, those that could not be judged among them.
    pub not_applicable: usize,
    /// How many could not be judged.
    pub not_judged: usize,
    /// Calls of `PutEvaluations`.
    pub batches: usize,
}

impl<'a, C: PutEvaluations> Answers<'a, C> {
    pub(crate) fn new(config: &'a C, token: &'a str, test: bool) -> Self {
        Self { config, token, test, waiting: Vec::new(), counts: Counts::default() }
    }

    /// Takes a verdict; says it once a hundred are there.
    pub(crate) async fn add(&mut self, evaluation: Evaluation) -> Result<(), Unanswered> {
        match evaluation.compliance {
            "COMPLIANT" => self.counts.compliant += 1,
            "NON_COMPLIANT" => self.counts.non_compliant += 1,
            _ => self.counts.not_applicable += 1,
        }
        self.waiting.push(evaluation);
        if self.waiting.len() >= MOST { self.say().await } else { Ok(()) }
    }

    /// Says what is left.
    pub(crate) async fn say(&mut self) -> Result<(), Unanswered> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return Ok(());
        }
        self.counts.batches += 1;
        let refused = self.config.put(&waiting, self.token, self.test).await?;
        if refused.is_empty() {
            return Ok(());
        }
        // AWS Config does not say why it did not take them; most often it was busy.
        tracing::warn!(refused = refused.len(), "AWS Config did not take every verdict; once more");
        self.counts.batches += 1;
        let refused = self.config.put(&refused, self.token, self.test).await?;
        if refused.is_empty() { Ok(()) } else { Err(Unanswered::NotTaken(refused.len())) }
    }
}
