//! SSM Change Calendars.

use std::future::Future;

use plumb_model::Calendar;

use crate::PortError;

/// Reads the state of SSM Change Calendars.
pub trait ReadCalendar {
    /// `GetCalendarState` of the calendar with this document name or ARN, now.
    fn calendar(&self, name: &str) -> impl Future<Output = Result<Calendar, PortError>> + Send;
}
