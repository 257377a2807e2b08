//! The kinds of data that entries may hold, with HAProxy's names and the numbers that its peers know them by.

macro_rules! data_types {
    ($($data:ident $name:literal),+ $(,)?) => {
        /// In the order of the numbers, which is that of a dump.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum DataType { $(#[doc = concat!("`", $name, "`")] $data),+ }

        impl DataType {
            pub const ALL: [DataType; [$($name),+].len()] = [$(DataType::$data),+];

            pub const fn name(self) -> &'static str {
                match self { $(DataType::$data => $name),+ }
            }
        }
    };
}

data_types! {
    ServerId "server_id",
    Gpt0 "gpt0",
    Gpc0 "gpc0",
    Gpc0Rate "gpc0_rate",
    ConnCnt "conn_cnt",
    ConnRate "conn_rate",
    ConnCur "conn_cur",
    SessCnt "sess_cnt",
    SessRate "sess_rate",
    HttpReqCnt "http_req_cnt",
    HttpReqRate "http_req_rate",
    HttpErrCnt "http_err_cnt",
    HttpErrRate "http_err_rate",
    BytesInCnt "bytes_in_cnt",
    BytesInRate "bytes_in_rate",
    BytesOutCnt "bytes_out_cnt",
    BytesOutRate "bytes_out_rate",
    Gpc1 "gpc1",
    Gpc1Rate "gpc1_rate",
    ServerKey "server_key",
    HttpFailCnt "http_fail_cnt",
    HttpFailRate "http_fail_rate",
    Gpt "gpt",
    Gpc "gpc",
    GpcRate "gpc_rate",
}

/// What one value is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// 32 bits.
    Word,
    /// 64 bits.
    Wide,
    /// A count over a time.
    Rate,
    /// A name of the table's dictionary.
    Name,
}

use DataType::*;

impl DataType {
    pub const fn number(self) -> usize {
        self as usize
    }

    pub fn from_number(number: usize) -> Option<DataType> {
        Self::ALL.get(number).copied()
    }

    pub fn named(name: &str) -> Option<DataType> {
        Self::ALL.into_iter().find(|data| data.name() == name)
    }

    pub const fn form(self) -> Form {
        match self {
            BytesInCnt | BytesOutCnt => Form::Wide,
            ServerKey => Form::Name,
            Gpc0Rate | ConnRate | SessRate | HttpReqRate | HttpErrRate | BytesInRate | BytesOutRate | Gpc1Rate
            | HttpFailRate | GpcRate => Form::Rate,
            _ => Form::Word,
        }
    }

    /// Whether there are several, counted from 0.
    pub const fn is_array(self) -> bool {
        matches!(self, Gpt | Gpc | GpcRate)
    }

    pub const fn is_of_http(self) -> bool {
        matches!(
            self,
            HttpReqCnt | HttpReqRate | HttpErrCnt | HttpErrRate | HttpFailCnt | HttpFailRate
        )
    }

    /// The array whose first place stands for it in tables that have only the array.
    pub const fn array(self) -> Option<(DataType, u16)> {
        match self {
            Gpt0 => Some((Gpt, 0)),
            Gpc0 => Some((Gpc, 0)),
            Gpc1 => Some((Gpc, 1)),
            Gpc0Rate => Some((GpcRate, 0)),
            Gpc1Rate => Some((GpcRate, 1)),
            _ => None,
        }
    }

    /// The rate that is counted whenever this is.
    pub const fn rate(self) -> Option<DataType> {
        match self {
            Gpc0 => Some(Gpc0Rate),
            Gpc1 => Some(Gpc1Rate),
            Gpc => Some(GpcRate),
            ConnCnt => Some(ConnRate),
            SessCnt => Some(SessRate),
            BytesInCnt => Some(BytesInRate),
            BytesOutCnt => Some(BytesOutRate),
            _ => None,
        }
    }
}

impl Form {
    /// How many 32-bit words it takes.
    pub const fn words(self) -> u16 {
        match self {
            Form::Word | Form::Name => 1,
            Form::Wide => 2,
            Form::Rate => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_lead_back() {
        for (number, data) in DataType::ALL.into_iter().enumerate() {
            assert_eq!(data.number(), number);
            assert_eq!(DataType::named(data.name()), Some(data));
        }
        // As HAProxy's peers number them.
        assert_eq!((ServerKey.number(), GpcRate.number()), (19, 24));
    }
}
