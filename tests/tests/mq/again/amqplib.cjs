// Comes again as its manual has it: whoever hears that the connection is closed makes another one.
const amqp = require('amqplib');
// It knows the methods of transactions, and has no words of its own for them.
const defs = require('amqplib/lib/defs');
const net = require('net');
const [host, port] = process.argv.slice(-2);
const say = (...words) => console.log(...words);
const cut = () => new Promise((done) => {
  const order = net.connect(process.env.ORDERS, () => order.write(process.env.CUT + '\n'));
  order.on('data', () => {}).on('end', done).on('close', done);
});

async function enter() {
  const connection = await amqp.connect(`amqp://guest:guest@${host}:${port}`);
  const gone = new Promise((done) => connection.once('close', done));
  connection.on('error', () => {});
  const channel = await connection.createConfirmChannel();
  channel.on('error', () => {});
  await channel.assertQueue('again', { durable: true });
  const come = [], wanted = [];
  const consume = () => channel.consume('again', (m) => wanted.length ? wanted.shift()(m) : come.push(m));
  const next = () => new Promise((done) => come.length ? done(come.shift()) : wanted.push(done));
  const take = async () => {
    const m = await next();
    say(m.content.toString(), m.fields.redelivered);
    return m;
  };
  const send = async (body) => {
    channel.sendToQueue('again', Buffer.from(body), { persistent: true });
    await channel.waitForConfirms();
  };
  // An answer says that all before it is done.
  const acknowledge = async (m) => { channel.ack(m); await channel.checkQueue('again'); };
  const transacts = await connection.createChannel();
  transacts.on('error', () => {});
  await transacts.rpc(defs.TxSelect, {}, defs.TxSelectOk);
  const within = (body) => transacts.sendToQueue('again', Buffer.from(body), { persistent: true });
  const commit = () => transacts.rpc(defs.TxCommit, {}, defs.TxCommitOk);
  const rollback = () => transacts.rpc(defs.TxRollback, {}, defs.TxRollbackOk);
  return { connection, gone, consume, take, send, acknowledge, transacts, within, commit, rollback };
}

async function back(from) {
  await cut();
  await from.gone;
  say('gone');
  return enter();
}

(async () => {
  let at = await enter();
  await at.consume();
  await at.send('not acknowledged');
  await at.take();
  at.within('not committed');
  await at.transacts.checkQueue('again');
  at = await back(at);
  await at.consume();
  await at.acknowledge(await at.take());
  at.within('rolled back');
  await at.rollback();
  at.within('committed');
  await at.commit();
  await at.acknowledge(await at.take());
  await at.send('confirmed');
  at = await back(at);
  await at.consume();
  await at.acknowledge(await at.take());
  await at.send('the last');
  await at.acknowledge(await at.take());
  await at.connection.close();
})().catch((error) => { console.error(error); process.exit(1); });
