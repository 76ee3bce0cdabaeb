//! Pages of a Parquet file, unpacked without C code.
//!
//! The reader at hand unpacks Zstandard and gzip through other libraries. So it is told that such columns are not
//! packed, and their pages are unpacked here before anything looks into them.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use parquet::basic::Compression;
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::reader::{FileReader, RowGroupReader};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;

use crate::source::packing::unzstd;

/// Bytes of an unpacked page at the most; writers aim at one MiB.
const LARGEST_PAGE: u64 = 256 * 1024 * 1024;

/// A Parquet file whose packed pages are unpacked by [`Unpacked`].
pub(crate) struct PackedFile {
    file: Arc<File>,
    metadata: ParquetMetaData,
}

impl PackedFile {
    /// # Errors
    /// A file without a description at its end.
    pub(crate) fn new(file: File) -> Result<Self> {
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&file)?;
        Ok(Self { file: Arc::new(file), metadata })
    }
}

impl FileReader for PackedFile {
    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }

    fn num_row_groups(&self) -> usize {
        self.metadata.num_row_groups()
    }

    fn get_row_group(&self, index: usize) -> Result<Box<dyn RowGroupReader + '_>> {
        Ok(Box::new(PackedGroup { file: Arc::clone(&self.file), metadata: self.metadata.row_group(index) }))
    }

    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>> {
        RowIter::from_file(projection, self)
    }
}

struct PackedGroup<'f> {
    file: Arc<File>,
    metadata: &'f RowGroupMetaData,
}

impl RowGroupReader for PackedGroup<'_> {
    fn metadata(&self) -> &RowGroupMetaData {
        self.metadata
    }

    fn num_columns(&self) -> usize {
        self.metadata.num_columns()
    }

    fn get_column_page_reader(&self, index: usize) -> Result<Box<dyn PageReader>> {
        let column = self.metadata.column(index);
        let rows = usize::try_from(self.metadata.num_rows())?;
        let packing = match column.compression() {
            Compression::ZSTD(_) => Packing::Zstd,
            Compression::GZIP(_) => Packing::Gzip,
            _ => return Ok(Box::new(SerializedPageReader::new(Arc::clone(&self.file), column, rows, None)?)),
        };
        let plain = column.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
        let pages = SerializedPageReader::new(Arc::clone(&self.file), &plain, rows, None)?;
        Ok(Box::new(Unpacked { pages, packing }))
    }

    fn get_column_bloom_filter(&self, _: usize) -> Option<&Sbbf> {
        None
    }

    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>> {
        RowIter::from_row_group(projection, self)
    }
}

#[derive(Clone, Copy)]
enum Packing {
    Zstd,
    Gzip,
}

impl Packing {
    fn unpack(self, packed: &[u8]) -> Result<Vec<u8>> {
        let mut page = Vec::new();
        let read = match self {
            Self::Zstd => unzstd(packed.to_vec()).take(LARGEST_PAGE).read_to_end(&mut page),
            Self::Gzip => MultiGzDecoder::new(packed).take(LARGEST_PAGE).read_to_end(&mut page),
        };
        let read = read.map_err(|error| ParquetError::General(format!("a page cannot be unpacked: {error}")))?;
        if read as u64 == LARGEST_PAGE {
            return Err(ParquetError::General("a page has more than 256 MiB".to_owned()));
        }
        Ok(page)
    }
}

/// Pages that are unpacked as they come.
struct Unpacked {
    pages: SerializedPageReader<File>,
    packing: Packing,
}

impl Unpacked {
    fn page(&self, mut page: Page) -> Result<Page> {
        match &mut page {
            Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => *buf = self.packing.unpack(buf)?.into(),
            // Levels stand in front, and are never packed.
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, is_compressed: true, .. } => {
                let levels = *def_levels_byte_len as usize + *rep_levels_byte_len as usize;
                let (levels, packed) = buf
                    .split_at_checked(levels)
                    .ok_or_else(|| ParquetError::General("a page is shorter than its levels".to_owned()))?;
                let values = if packed.is_empty() { Vec::new() } else { self.packing.unpack(packed)? };
                *buf = Bytes::from([levels, &values].concat());
            }
            Page::DataPageV2 { .. } => {}
        }
        Ok(page)
    }
}

impl PageReader for Unpacked {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        self.pages.get_next_page()?.map(|page| self.page(page)).transpose()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }
}

impl Iterator for Unpacked {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}
