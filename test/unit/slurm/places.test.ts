import { expect, test } from 'vitest';
import { nodesUp, parsePlaces } from '../../../lib/slurm/places.ts';

const RECORD =
  'JobId=12 JobName=a Requeue=1 Restarts=3 BatchFlag=1 Partition=rough,main AllocNode:Sid=c:1 ReqNodeList=(null) ExcNodeList=n[7-8],n2 Features=(null)';

test('where a job may run is what its owner asked for, and who set what since', () => {
  expect(parsePlaces(RECORD, 12)).toEqual({
    name: '12',
    restarts: 3,
    mayRequeue: true,
    excluded: 'n[7-8],n2',
    required: '',
    constraint: '',
    partition: 'rough,main',
  });
  const other = RECORD.replace('Requeue=1', 'Requeue=0').replace('ReqNodeList=(null)', 'ReqNodeList=n4');
  expect(parsePlaces(other, 12)).toMatchObject({ mayRequeue: false, required: 'n4' });
  expect(parsePlaces(RECORD, 13)).toBeUndefined();
});

const NODES = `n1 idle fast,gpu
n2 mixed fast
n3 down* gpu
n4 drained gpu
n5 allocated (null)
n6 idle* fast
n7 draining fast
n8 idle~ slow`;

test('nodes that are up are those that take jobs, now or later', () => {
  expect(nodesUp(NODES, '')).toEqual(['n1', 'n2', 'n5', 'n8']);
});

test.each([
  ['fast', ['n1', 'n2']],
  ['fast&gpu', ['n1']],
  ['gpu|slow', ['n1', 'n8']],
  ['[rack1*2&rack2*4]', ['n1', 'n2', 'n5', 'n8']], // Slurm knows better
])('--constraint=%s', (constraint, expected) => {
  expect(nodesUp(NODES, constraint)).toEqual(expected);
});
