//! `aws:executeAwsApi`: one call of any API.

use std::time::Duration;

use super::{Action, Call, Done, Unfinished};
use crate::{choices, ports::Answer};

pub(super) struct ExecuteApi;

impl Action for ExecuteApi {
    fn default_timeout(&self) -> Option<Duration> {
        Some(choices::API_CALL_TIMEOUT)
    }

    fn longest(&self) -> Option<Duration> {
        Some(choices::API_CALL_TIMEOUT)
    }

    fn makes_calls(&self) -> bool {
        true
    }

    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move {
            let payload = call.api(&[]).await?;
            Ok(Done { payload, ..Done::default() })
        })
    }
}
