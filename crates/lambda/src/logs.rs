//! The logs: a JSON object a line on stdout, which is what the template's log format says.
//!
//! Not `lambda_runtime`'s own subscriber: its filter brings a regular expression engine, which every start would pay for.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    filter::Targets, fmt, layer::SubscriberExt as _, registry, util::SubscriberInitExt as _,
};

/// Starts the logs. `filter` says how much is logged: a level, or levels by module, such as `plumb_planner=debug,info`.
pub(crate) fn start(filter: Option<&str>) {
    let lines = fmt::layer().json().with_target(false).without_time();
    // The only failure is logs that were started before; they go on.
    let _ = registry().with(targets(filter)).with(lines).try_init();
}

/// A filter that can't be read must not keep a function from its work: it logs as much as without one.
fn targets(filter: Option<&str>) -> Targets {
    filter
        .and_then(|filter| filter.parse().ok())
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn a_module_may_log_more_than_the_rest() {
        let filter = targets(Some("plumb_planner=debug,info"));
        assert!(filter.would_enable("plumb_planner::guardrails", &Level::DEBUG));
        assert!(filter.would_enable("plumb_aws", &Level::INFO));
        assert!(!filter.would_enable("plumb_aws", &Level::DEBUG));
    }

    #[test]
    fn a_filter_that_is_missing_or_garbled_means_info() {
        for filter in [None, Some("plumb=loud")] {
            let filter = targets(filter);
            assert!(filter.would_enable("plumb_aws", &Level::INFO));
            assert!(!filter.would_enable("plumb_aws", &Level::DEBUG));
        }
    }
}
