//! The extractor of all meta-variables.
//!
//! Apart from `params`: extractors depend on `lookup`, and that on `MockParams` and `Params`.

use super::extractor::extractor;
use super::params::Params;

impl Params {
    fn from_params(params: &tower_fcgi::Params) -> Option<Self> {
        Some(Self::from(params.clone()))
    }
}

extractor!(
    Params,
    MissingParams,
    "the request has no meta-variables: it did not come through axum_fcgi::serve"
);
