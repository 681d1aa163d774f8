//! What travels as one string: JSON, gzipped, in base64. Letters of a batch to the controller, filters to a node.

use std::io::{Read, Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};

use runtimemap_crds::FilterFile;
use serde::{Serialize, de::DeserializeOwned};

use super::Letter;

/// Most bytes of a payload before base64.
pub const ENCODED: usize = 32 << 10;
/// Most bytes of a payload's JSON.
pub const DECODED: usize = 1 << 20;
/// Most bytes of a node's filters before base64: with all else that a directive says, a third of what etcd takes.
pub const FILTERS_ENCODED: usize = 256 << 10;
/// Most bytes of the JSON of a node's filters.
const FILTERS_DECODED: usize = 16 << 20;

/// A payload that does not hold together.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no base64.
    #[error("failed to read the payload's base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// It is no gzip.
    #[error("failed to unpack the payload: {0}")]
    Gzip(#[from] std::io::Error),
    /// It is no list of letters.
    #[error("failed to read the payload's JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It is larger than any agent makes it.
    #[error("failed to read the payload: it is larger than {0} bytes")]
    Large(usize),
}

/// The letters of each container, in the order of the batch's containers. None if they are too many for one batch.
///
/// # Errors
/// If a letter cannot be written, which none of ours is.
pub fn encode(letters: &[Vec<Letter>]) -> Result<Option<String>, Error> {
    pack(letters, DECODED, ENCODED)
}

/// The letters of each container.
///
/// # Errors
/// If the payload is not what [`encode`] makes; it may come from anybody who has a node's token.
pub fn decode(payload: &str) -> Result<Vec<Vec<Letter>>, Error> {
    unpack(payload, DECODED)
}

/// The filters of a node. None if they are too many for one directive.
///
/// # Errors
/// If a filter cannot be written, which none is that was read.
pub fn encode_filters(files: &[FilterFile]) -> Result<Option<String>, Error> {
    pack(files, FILTERS_DECODED, FILTERS_ENCODED)
}

/// The filters of a node.
///
/// # Errors
/// If the payload is not what [`encode_filters`] makes.
pub fn decode_filters(payload: &str) -> Result<Vec<FilterFile>, Error> {
    unpack(payload, FILTERS_DECODED)
}

fn pack<T: Serialize>(list: &[T], decoded: usize, encoded: usize) -> Result<Option<String>, Error> {
    let json = serde_json::to_vec(list)?;
    if json.len() > decoded {
        return Ok(None);
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&json)?;
    let packed = packed.finish()?;
    Ok((packed.len() <= encoded).then(|| STANDARD.encode(packed)))
}

fn unpack<T: DeserializeOwned>(payload: &str, decoded: usize) -> Result<Vec<T>, Error> {
    if payload.is_empty() {
        return Ok(Vec::new());
    }
    let packed = STANDARD.decode(payload)?;
    let mut json = Vec::new();
    // One byte more than allowed tells too large from just fitting, without unpacking a bomb.
    GzDecoder::new(packed.as_slice()).take(decoded as u64 + 1).read_to_end(&mut json)?;
    if json.len() > decoded {
        return Err(Error::Large(decoded));
    }
    Ok(serde_json::from_slice(&json)?)
}

#[cfg(test)]
mod tests {
    use runtimemap_crds::{Exec, Open, Origin};

    use super::*;

    #[test]
    fn what_was_encoded_comes_back() {
        let letters = vec![
            vec![
                Letter::Exec(Exec { path: "/bin/\\x1bsh".into(), args: vec!["a b".into()], ..Exec::default() }),
                Letter::SyscallOf(Origin::Runtime, "close".into()),
                Letter::Name("a.test".into(), "2001:db8::1".parse().unwrap()),
            ],
            Vec::new(),
        ];
        let text = encode(&letters).unwrap().unwrap();
        assert_eq!(decode(&text).unwrap(), letters);
        assert_eq!(decode("").unwrap(), Vec::<Vec<Letter>>::new());
    }

    #[test]
    fn what_is_too_much_for_one_batch_is_not_made_one() {
        let open = |number: u64| {
            let path = format!("/{:x}{:x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15), number.wrapping_mul(0xC2B2_AE3D_27D4_EB4F));
            Letter::Open(Open { path, ..Open::default() })
        };
        assert!(encode(&[(0..100).map(open).collect()]).unwrap().is_some());
        assert!(encode(&[(0..4000).map(open).collect()]).unwrap().is_none(), "packed");
        let same = vec![Letter::Truncated("x".repeat(100)); 20_000];
        assert!(encode(&[same]).unwrap().is_none(), "unpacked");
    }

    #[test]
    fn a_hostile_payload_is_an_error_and_costs_little() {
        let pack = |bytes: &[u8]| {
            let mut packed = GzEncoder::new(Vec::new(), Compression::best());
            packed.write_all(bytes).unwrap();
            STANDARD.encode(packed.finish().unwrap())
        };
        assert!(matches!(decode("not base64!"), Err(Error::Base64(_))));
        assert!(matches!(decode("AAAA"), Err(Error::Gzip(_))));
        assert!(matches!(decode(&pack(b"{}")), Err(Error::Json(_))));
        assert!(matches!(decode(&pack(b"[[{\"unheardOf\":1}]]")), Err(Error::Json(_))));
        assert!(matches!(decode(&pack(&vec![b'['; 20 << 20])), Err(Error::Large(_))));
        assert!(matches!(decode(&pack(&vec![b'['; 1000])), Err(Error::Json(_))));
    }
}
