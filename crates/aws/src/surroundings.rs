//! What a policy may depend on: SSM Change Calendars.

use jiff::Timestamp;
use plumb_model::Calendar;
use plumb_ports::{PortError, ReadCalendar};

use crate::{
    clients::Aws,
    errors::{failed, incomplete},
};

/// The surroundings of the resources in this account and Region.
#[derive(Debug)]
pub struct Surroundings<'a>(pub &'a Aws);

impl ReadCalendar for Surroundings<'_> {
    async fn calendar(&self, name: &str) -> Result<Calendar, PortError> {
        const OPERATION: &str = "ssm:GetCalendarState";
        let answer = self
            .0
            .ssm()
            .get_calendar_state()
            .calendar_names(name)
            .send()
            .await
            .map_err(|error| failed(OPERATION, error))?;
        let state = answer.state.ok_or_else(|| incomplete(OPERATION, "state"))?;
        // Anything but `OPEN`, also a state that AWS adds one day, is closed.
        let open = state.as_str() == "OPEN";
        let until = answer.next_transition_time.and_then(|time| time.parse::<Timestamp>().ok());
        Ok(Calendar { open, until })
    }
}
