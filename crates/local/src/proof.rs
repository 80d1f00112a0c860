//! Control proofs. To be written by its owner (D1).
