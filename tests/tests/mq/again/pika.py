# Comes again as pika's manual has it: whoever is told that the connection is gone makes another one.
import os, socket, sys, pika
from pika.exceptions import AMQPConnectionError
host, port = sys.argv[1], int(sys.argv[2])


def cut():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(os.environ['ORDERS'])
        s.sendall(os.environ['CUT'].encode() + b'\n')
        while s.recv(1000): pass


def enter():
    c = pika.BlockingConnection(pika.ConnectionParameters(host, port))
    return c, c.channel()


def back(c):
    cut()
    try:
        while True: c.process_data_events(1)
    except AMQPConnectionError: print('gone')
    return enter()


def send(channel, body): channel.basic_publish('', 'again', body, pika.BasicProperties(delivery_mode=2), mandatory=True)


def take(channel):
    method, _, body = next(channel.consume('again', inactivity_timeout=20))
    print(body.decode(), method.redelivered)
    return method.delivery_tag


def acknowledge(channel, tag):
    channel.basic_ack(tag)
    channel.queue_declare('again', passive=True)


c, channel = enter()
channel.queue_declare('again', durable=True)
channel.confirm_delivery()
send(channel, b'not acknowledged')
take(channel)
transacts = c.channel()
transacts.tx_select()
send(transacts, b'not committed')
transacts.queue_declare('again', passive=True)
c, channel = back(c)
acknowledge(channel, take(channel))
channel.confirm_delivery()
send(channel, b'confirmed')
c, channel = back(c)
# What it took in a transaction is the queue's again, too.
channel.tx_select()
channel.basic_ack(take(channel))
channel.queue_declare('again', passive=True)
c, channel = back(c)
acknowledge(channel, take(channel))
channel.confirm_delivery()
send(channel, b'the last')
acknowledge(channel, take(channel))
print(channel.queue_declare('again', passive=True).method.message_count)
c.close()
