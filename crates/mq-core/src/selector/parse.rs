//! From words to an expression: `OR` binds least, then `AND`, `NOT`, comparisons, sums, products, signs.

use super::SelectorError;
use super::lex::{Token, lex};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Property(Box<str>),
    Text(Box<str>),
    Number(f64),
    Bool(bool),
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Compare(Comparison, Box<Expression>, Box<Expression>),
    Sum(Operation, Box<Expression>, Box<Expression>),
    Negative(Box<Expression>),
    /// Value, lowest, highest.
    Between(Box<[Expression; 3]>),
    IsNull(Box<Expression>),
    In(Box<Expression>, Vec<Box<str>>),
    Like(Box<Expression>, Vec<Glob>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Different,
    Less,
    More,
    AtMost,
    AtLeast,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// A piece of what follows LIKE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Glob {
    Exactly(char),
    /// `_`
    One,
    /// `%`
    Rest,
}

/// How deep parentheses and the like may be; more than anybody writes, less than a stack holds.
const DEEPEST: usize = 50;

pub(super) fn parse(text: &str) -> Result<Expression, SelectorError> {
    let mut parser = Parser {
        tokens: lex(text)?,
        at: 0,
        end: text.len(),
        depth: 0,
    };
    let expression = parser.or()?;
    match parser.tokens.get(parser.at) {
        None => Ok(expression),
        Some(_) => Err(parser.error("something follows where it should end")),
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
    end: usize,
    depth: usize,
}

type Parsed = Result<Expression, SelectorError>;

impl Parser {
    fn error(&self, what: &'static str) -> SelectorError {
        let at = self.tokens.get(self.at).map_or(self.end, |(at, _)| *at);
        SelectorError { at, what }
    }

    fn sign(&mut self, signs: &[&'static str]) -> Option<&'static str> {
        match self.tokens.get(self.at) {
            Some((_, Token::Sign(sign))) if signs.contains(sign) => {
                self.at += 1;
                Some(sign)
            }
            _ => None,
        }
    }

    fn word(&mut self, wanted: &str) -> bool {
        let is = matches!(self.tokens.get(self.at), Some((_, Token::Word(word))) if word.eq_ignore_ascii_case(wanted));
        self.at += usize::from(is);
        is
    }

    fn text(&mut self) -> Result<Box<str>, SelectorError> {
        match self.tokens.get(self.at) {
            Some((_, Token::Text(text))) => {
                self.at += 1;
                Ok(text.clone())
            }
            _ => Err(self.error("a text in single quotes is expected")),
        }
    }

    fn expect(&mut self, sign: &'static str, what: &'static str) -> Result<(), SelectorError> {
        self.sign(&[sign]).map(|_| ()).ok_or_else(|| self.error(what))
    }

    fn deeper(&mut self, parse: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        if self.depth >= DEEPEST {
            return Err(self.error("it is nested too deep"));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn or(&mut self) -> Parsed {
        let mut left = self.and()?;
        let mut many = 0;
        while self.word("or") {
            left = Expression::Or(left.into(), self.and()?.into());
            many = self.count(many)?;
        }
        Ok(left)
    }

    fn and(&mut self) -> Parsed {
        let mut left = self.not()?;
        let mut many = 0;
        while self.word("and") {
            left = Expression::And(left.into(), self.not()?.into());
            many = self.count(many)?;
        }
        Ok(left)
    }

    /// A long chain is as deep as it is long.
    fn count(&self, many: usize) -> Result<usize, SelectorError> {
        match many < 500 {
            true => Ok(many + 1),
            false => Err(self.error("it has too many parts")),
        }
    }

    fn not(&mut self) -> Parsed {
        if self.word("not") {
            return Ok(Expression::Not(self.deeper(Parser::not)?.into()));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Parsed {
        let left = self.sum()?;
        if self.word("is") {
            let not = self.word("not");
            if !self.word("null") {
                return Err(self.error("NULL or NOT NULL is expected"));
            }
            return Ok(negated(not, Expression::IsNull(left.into())));
        }
        let not = self.word("not");
        if self.word("between") {
            return Ok(negated(not, self.between(left)?));
        }
        if self.word("in") {
            return Ok(negated(not, self.among(left)?));
        }
        if self.word("like") {
            return Ok(negated(not, self.like(left)?));
        }
        if not {
            return Err(self.error("BETWEEN, IN or LIKE is expected"));
        }
        let Some(sign) = self.sign(&["=", "<>", "<=", ">=", "<", ">"]) else {
            return Ok(left);
        };
        let comparison = match sign {
            "=" => Comparison::Equal,
            "<>" => Comparison::Different,
            "<=" => Comparison::AtMost,
            ">=" => Comparison::AtLeast,
            "<" => Comparison::Less,
            _ => Comparison::More,
        };
        Ok(Expression::Compare(comparison, left.into(), self.sum()?.into()))
    }

    fn between(&mut self, value: Expression) -> Parsed {
        let low = self.sum()?;
        if !self.word("and") {
            return Err(self.error("AND is expected"));
        }
        let high = self.sum()?;
        Ok(Expression::Between(Box::new([value, low, high])))
    }

    fn among(&mut self, value: Expression) -> Parsed {
        self.expect("(", "( is expected")?;
        let mut texts = vec![self.text()?];
        while self.sign(&[","]).is_some() {
            texts.push(self.text()?);
        }
        self.expect(")", ") is expected")?;
        Ok(Expression::In(value.into(), texts))
    }

    fn like(&mut self, value: Expression) -> Parsed {
        let pattern = self.text()?;
        let mut escape = None;
        if self.word("escape") {
            let text = self.text()?;
            let mut chars = text.chars();
            escape = chars.next();
            if escape.is_none() || chars.next().is_some() {
                return Err(self.error("ESCAPE is followed by one character"));
            }
        }
        let mut globs = Vec::new();
        let mut chars = pattern.chars();
        while let Some(char) = chars.next() {
            globs.push(match char {
                char if Some(char) == escape => {
                    let next = chars.next();
                    Glob::Exactly(next.ok_or_else(|| self.error("nothing follows the escape"))?)
                }
                '_' => Glob::One,
                '%' => Glob::Rest,
                char => Glob::Exactly(char),
            });
        }
        Ok(Expression::Like(value.into(), globs))
    }

    fn sum(&mut self) -> Parsed {
        let mut left = self.product()?;
        let mut many = 0;
        while let Some(sign) = self.sign(&["+", "-"]) {
            let operation = if sign == "+" {
                Operation::Add
            } else {
                Operation::Subtract
            };
            left = Expression::Sum(operation, left.into(), self.product()?.into());
            many = self.count(many)?;
        }
        Ok(left)
    }

    fn product(&mut self) -> Parsed {
        let mut left = self.factor()?;
        let mut many = 0;
        while let Some(sign) = self.sign(&["*", "/"]) {
            let operation = if sign == "*" {
                Operation::Multiply
            } else {
                Operation::Divide
            };
            left = Expression::Sum(operation, left.into(), self.factor()?.into());
            many = self.count(many)?;
        }
        Ok(left)
    }

    fn factor(&mut self) -> Parsed {
        if let Some(sign) = self.sign(&["+", "-"]) {
            let factor = self.deeper(Parser::factor)?;
            return Ok(if sign == "-" {
                Expression::Negative(factor.into())
            } else {
                factor
            });
        }
        if self.sign(&["("]).is_some() {
            let inner = self.deeper(Parser::or)?;
            self.expect(")", ") is expected")?;
            return Ok(inner);
        }
        let parsed = match self.tokens.get(self.at) {
            Some((_, Token::Text(text))) => Expression::Text(text.clone()),
            Some((_, Token::Number(number))) => Expression::Number(*number),
            Some((_, Token::Word(word))) if word.eq_ignore_ascii_case("true") => Expression::Bool(true),
            Some((_, Token::Word(word))) if word.eq_ignore_ascii_case("false") => Expression::Bool(false),
            Some((_, Token::Word(word))) if !is_reserved(word) => Expression::Property(word.clone()),
            _ => return Err(self.error("a property, a number or a text is expected")),
        };
        self.at += 1;
        Ok(parsed)
    }
}

fn negated(not: bool, expression: Expression) -> Expression {
    match not {
        true => Expression::Not(expression.into()),
        false => expression,
    }
}

fn is_reserved(word: &str) -> bool {
    let words = ["not", "and", "or", "between", "like", "in", "is", "null", "escape"];
    words.iter().any(|reserved| word.eq_ignore_ascii_case(reserved))
}
