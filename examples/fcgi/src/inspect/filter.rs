//! Selects the records to print.

use clap::Args;
use fcgi_core::{RecordHeader, RecordType};

#[derive(Debug, Clone, Args)]
pub(crate) struct Filter {
    /// Print only records of these request ids, such as 1,2
    #[arg(long = "id", value_delimiter = ',', value_name = "ID")]
    ids: Vec<u16>,

    /// Print only records of these types, such as PARAMS,STDERR or 4,7
    #[arg(long = "type", value_delimiter = ',', value_name = "TYPE", value_parser = kind)]
    kinds: Vec<RecordType>,
}

impl Filter {
    pub(crate) fn shows(&self, header: &RecordHeader) -> bool {
        (self.ids.is_empty() || self.ids.contains(&header.id.0))
            && (self.kinds.is_empty() || self.kinds.contains(&header.kind))
    }
}

fn kind(text: &str) -> Result<RecordType, String> {
    if let Ok(number) = text.parse() {
        return Ok(RecordType(number));
    }
    let known = (1..=11).map(RecordType);
    let names: Vec<_> = known.clone().map(|kind| format!("{kind:?}")).collect();
    let named = known.zip(&names).find(|(_, name)| name.eq_ignore_ascii_case(text));
    named
        .map(|(kind, _)| kind)
        .ok_or_else(|| format!("expected a number up to 255 or one of {}", names.join(", ")))
}
