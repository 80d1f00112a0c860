//! `aws:pause`: waits to be told to go on.

use serde_json::json;

use super::{Action, Call, Done, Unfinished};
use crate::{ports::Answer, signals::Signal};

pub(super) struct Pause;

impl Action for Pause {
    fn waits(&self) -> bool {
        true
    }

    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move {
            call.signals.next(|said| matches!(said, Signal::Resume { .. })).await;
            Ok(Done { payload: json!({}), ..Done::default() })
        })
    }
}
