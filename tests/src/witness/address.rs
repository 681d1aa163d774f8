//! Socket addresses as strace writes them.

use std::net::{IpAddr, SocketAddr};

use crate::strace::{Unreadable, fields};

/// Reads `{sa_family=AF_INET, …}` or AF_INET6. None for other families and for NULL.
pub(super) fn read(text: &str) -> Result<Option<SocketAddr>, Unreadable> {
    if !text.starts_with("{sa_family=AF_INET") {
        return Ok(None);
    }
    let bad = || Unreadable::new("a strange address", text);
    let fields = fields(text)?;
    let port = fields.iter().find(|(name, _)| name.ends_with("_port")).ok_or_else(bad)?.1;
    let port = port.strip_prefix("htons(").and_then(|rest| rest.strip_suffix(')')).and_then(|port| port.parse().ok()).ok_or_else(bad)?;
    let address = fields.iter().map(|(_, value)| *value).find(|value| value.starts_with("inet_")).ok_or_else(bad)?;
    let address: IpAddr = address.split('"').nth(1).and_then(|address| address.parse().ok()).ok_or_else(bad)?;
    Ok(Some(SocketAddr::new(address, port)))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn both_families_are_read_and_others_are_not_ours() {
        let read = |text| read(text).unwrap().map(|address| address.to_string());
        assert_eq!(read(r#"{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}"#).unwrap(), "127.0.0.1:80");
        let v6 =
            r#"{sa_family=AF_INET6, sin6_port=htons(53), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}"#;
        assert_eq!(read(v6).unwrap(), "[::1]:53");
        assert_eq!(read(r#"{sa_family=AF_UNIX, sun_path="/x"}"#), None);
        assert_eq!(read("NULL"), None);
    }
}
