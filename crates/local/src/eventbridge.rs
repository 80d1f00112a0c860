//! Service events: delivered to EventBridge as AWS itself would. To be written by its owner (B2); see `crate::events`.
