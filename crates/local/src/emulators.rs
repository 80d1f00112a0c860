//! Starts and ends the emulators.

/// Where everything listens; all on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// The gateway: the one endpoint that users see.
    pub gateway: u16,
    /// moto.
    pub moto: u16,
    /// ministack.
    pub ministack: u16,
}

impl Ports {
    /// The gateway's URL.
    pub fn gateway_url(self) -> String {
        format!("http://127.0.0.1:{}", self.gateway)
    }

    /// moto's URL.
    pub fn moto_url(self) -> String {
        format!("http://127.0.0.1:{}", self.moto)
    }

    /// ministack's URL.
    pub fn ministack_url(self) -> String {
        format!("http://127.0.0.1:{}", self.ministack)
    }
}
