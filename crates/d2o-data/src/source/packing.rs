//! How a file is packed, told by its first bytes, and its content as plain bytes.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
/// Bytes 1 to 3 of a frame that holds no text; the first is 0x50 to 0x5f.
const ZSTD_SKIPPABLE: &[u8] = b"\x2a\x4d\x18";
/// Bytes at the beginning of a file that tell how it is packed.
pub(super) const MARK: usize = 8;

/// Bytes of a file, wherever they come from.
pub(crate) type Bytes = Box<dyn Read + Send>;

/// The content of `source`: unpacked if it begins as gzip or Zstandard does, else as it is.
///
/// # Errors
/// If its beginning cannot be read.
pub(crate) fn unpacked(mut source: Bytes) -> io::Result<Bytes> {
    let mark = read_up_to(&mut source, MARK)?;
    let zstd = is_zstd(&mark);
    let gzip = mark.starts_with(GZIP);
    let whole: Bytes = Box::new(Cursor::new(mark).chain(source));
    Ok(match (gzip, zstd) {
        (true, _) => Box::new(MultiGzDecoder::new(BufReader::new(whole))),
        (_, true) => Box::new(Frames { source: BufReader::new(whole), frame: None }),
        _ => whole,
    })
}

/// The content of Zstandard frames.
pub(crate) fn unzstd(frames: Vec<u8>) -> impl Read {
    let source: Bytes = Box::new(Cursor::new(frames));
    Frames { source: BufReader::new(source), frame: None }
}

fn is_zstd(mark: &[u8]) -> bool {
    let skippable = mark.first().is_some_and(|first| (0x50..0x60).contains(first));
    mark.starts_with(ZSTD) || skippable && mark[1..].starts_with(ZSTD_SKIPPABLE)
}

/// At most `most` bytes from the beginning of what is left; fewer only at the end.
pub(super) fn read_up_to(source: &mut Bytes, most: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    source.by_ref().take(most as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// One Zstandard frame after another, as `zstd` and `pzstd` write them.
struct Frames {
    source: BufReader<Bytes>,
    /// The frame that is being read; none between frames.
    frame: Option<Box<FrameDecoder>>,
}

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            let Some(frame) = &mut self.frame else {
                if self.source.fill_buf()?.is_empty() {
                    return Ok(0);
                }
                self.frame = next_frame(&mut self.source)?;
                continue;
            };
            let read = frame.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            if frame.is_finished() {
                let kept = frame.get_checksum_from_data();
                if kept.is_some() && kept != frame.get_calculated_checksum() {
                    return Err(damaged("its checksum does not fit"));
                }
                self.frame = None;
            } else {
                frame.decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1)).map_err(damaged)?;
            }
        }
        Ok(0)
    }
}

/// The frame that begins here; none if it is one that holds no content, which is then behind us.
fn next_frame(source: &mut BufReader<Bytes>) -> io::Result<Option<Box<FrameDecoder>>> {
    let mut frame = Box::new(FrameDecoder::new());
    match frame.init(&mut *source) {
        Ok(()) => Ok(Some(frame)),
        Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
            io::copy(&mut source.take(length.into()), &mut io::sink())?;
            Ok(None)
        }
        Err(error) => Err(damaged(error)),
    }
}

fn damaged(reason: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not readable as Zstandard: {reason}"))
}
