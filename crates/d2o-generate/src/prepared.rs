//! The user's rows, encoded; they live in `d2o-data`.

pub use d2o_data::{
    Dataset as Prepared, DatasetOptions as DataSettings, DatasetSummary as DataSummary, EncodedRow as PreparedRow,
};
