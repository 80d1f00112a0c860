//! `aws:waitForAwsResourceProperty`: looks until a desired value shows.

use std::time::Duration;

use super::{
    Action, Call, Done, Unfinished,
    assert_property::{Expected, OWN},
};
use crate::{choices, execution::FailureType, ports::Answer};

pub(super) struct WaitProperty;

impl Action for WaitProperty {
    fn default_timeout(&self) -> Option<Duration> {
        Some(choices::WAIT_TIMEOUT)
    }

    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move {
            let expected = Expected::of(&call)?;
            loop {
                match call.api(&OWN).await {
                    Ok(payload) => {
                        if expected.is_met_by(&expected.find(&payload)?) {
                            return Ok(Done { payload, ..Done::default() });
                        }
                    }
                    // The next look is a retry; any other error is what AWS says about the resource.
                    Err(failure) if failure.details.kind == FailureType::Throttling => {}
                    Err(failure) => return Err(failure.into()),
                }
                call.ports.clock.sleep(choices::POLL_INTERVAL).await;
            }
        })
    }
}
