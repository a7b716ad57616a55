// The rights of the roles, one row each, and what a probe identity has in the place of a wide one.
import type { Rule } from './policy.ts';

export const RULES: readonly Rule[] = [
  {
    role: 'client',
    verb: 'publish',
    filter: '{root}/readings/{self}/+',
    probes: ['{root}/readings/{self}/{model}'],
  },
  {
    role: 'client',
    verb: 'publish',
    filter: '{root}/truth/{self}/+',
    probes: ['{root}/truth/{self}/{model}'],
  },
  { role: 'client', verb: 'receive', filter: '{root}/replies/{self}/+' },
  { role: 'client', verb: 'receive', filter: '{root}/agents/+/status' },

  {
    role: 'predictor',
    verb: 'publish',
    filter: '{root}/replies/+/{model}',
    probes: ['{root}/replies/{probe}/{model}'],
  },
  { role: 'predictor', verb: 'publish', filter: '{root}/replies/{self}/self-check' },
  { role: 'predictor', verb: 'publish', filter: '{root}/readings/{self}/self-check' },
  { role: 'predictor', verb: 'publish', filter: '{root}/agents/{self}/#' },
  { role: 'predictor', verb: 'publish', filter: '{root}/scores/+/{model}' },
  { role: 'predictor', verb: 'publish', filter: '{root}/drift/{model}' },
  {
    role: 'predictor',
    verb: 'receive',
    filter: '$share/{group}/{root}/readings/+/{model}',
    exact: true,
  },
  { role: 'predictor', verb: 'receive', filter: '{root}/readings/{self}/self-check' },
  { role: 'predictor', verb: 'receive', filter: '{root}/replies/{self}/self-check' },
  { role: 'predictor', verb: 'receive', filter: '{root}/agents/+/status' },
  { role: 'predictor', verb: 'receive', filter: '{root}/agents/+/adopting' },
  {
    role: 'predictor',
    verb: 'receive',
    filter: '{root}/models/#',
    probes: ['{root}/models/{model}/#'],
  },
  { role: 'predictor', verb: 'receive', filter: '{root}/control/{self}/#' },

  {
    role: 'operator',
    verb: 'publish',
    filter: '{root}/control/+/request',
    probes: ['{root}/control/{probe}/request'],
  },
  {
    role: 'operator',
    verb: 'publish',
    filter: '{root}/truth/#',
    probes: ['{root}/truth/{probe}/#'],
  },
  {
    role: 'operator',
    verb: 'receive',
    filter: '{namespace}/#',
    probes: [
      '{root}/+/{probe}/#',
      '{root}/+/+/{model}',
      '{root}/drift/{model}',
      '{root}/models/{model}/#',
    ],
  },
  { role: 'operator', verb: 'receive', filter: '$SYS/#' },

  {
    role: 'registrar',
    verb: 'publish',
    filter: '{root}/models/#',
    probes: ['{root}/models/{model}/#'],
  },
  {
    role: 'registrar',
    verb: 'receive',
    filter: '{root}/models/#',
    probes: ['{root}/models/{model}/#'],
  },
  {
    role: 'registrar',
    verb: 'receive',
    filter: '{root}/drift/#',
    probes: ['{root}/drift/{model}'],
  },
  {
    role: 'registrar',
    verb: 'receive',
    filter: '{root}/truth/#',
    probes: ['{root}/truth/{probe}/#'],
  },
  {
    role: 'registrar',
    verb: 'receive',
    filter: '{root}/readings/#',
    probes: ['{root}/readings/+/{model}'],
  },
  { role: 'registrar', verb: 'receive', filter: '{root}/agents/+/status' },
];
