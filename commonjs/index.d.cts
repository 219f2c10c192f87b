/** The types of `require("roc4mllm")`: those of the ES module, every value by its name (test/e2e/package.test.ts compares). */
import type * as library from "../dist/src/index.js" with { "resolution-mode": "import" };

export type * from "../dist/src/index.js" with { "resolution-mode": "import" };

export declare const addScoreTokens: typeof library.addScoreTokens;
export declare const bestOf: typeof library.bestOf;
export declare const checkData: typeof library.checkData;
export declare const compareRuns: typeof library.compareRuns;
export declare const createLlava: typeof library.createLlava;
export declare const createModel: typeof library.createModel;
export declare const decodeImage: typeof library.decodeImage;
export declare const DEFAULT_TEMPLATES: typeof library.DEFAULT_TEMPLATES;
export declare const DEMO_MODEL: typeof library.DEMO_MODEL;
export declare const ERROR_CODES: typeof library.ERROR_CODES;
export declare const evaluate: typeof library.evaluate;
export declare const families: typeof library.families;
export declare const formatTable: typeof library.formatTable;
export declare const generate: typeof library.generate;
export declare const generateAsync: typeof library.generateAsync;
export declare const generateStream: typeof library.generateStream;
export declare const isRocError: typeof library.isRocError;
export declare const leaderboard: typeof library.leaderboard;
export declare const leaderboardText: typeof library.leaderboardText;
export declare const load: typeof library.load;
export declare const loadMllm: typeof library.loadMllm;
export declare const loadTemplates: typeof library.loadTemplates;
export declare const LOSS_PRESETS: typeof library.LOSS_PRESETS;
export declare const mapSource: typeof library.mapSource;
export declare const planTraining: typeof library.planTraining;
export declare const quantizeCheckpoint: typeof library.quantizeCheckpoint;
export declare const randomSource: typeof library.randomSource;
export declare const readDataset: typeof library.readDataset;
export declare const readExperiment: typeof library.readExperiment;
export declare const readGenerationConfig: typeof library.readGenerationConfig;
export declare const readTrainingConfig: typeof library.readTrainingConfig;
export declare const reproduce: typeof library.reproduce;
export declare const RocError: typeof library.RocError;
export type RocError = library.RocError;
export declare const rocLoss: typeof library.rocLoss;
export declare const runExperiment: typeof library.runExperiment;
export declare const saveCheckpoint: typeof library.saveCheckpoint;
export declare const saveMllm: typeof library.saveMllm;
export declare const scoreByPrefill: typeof library.scoreByPrefill;
export declare const softTargets: typeof library.softTargets;
export declare const torch: typeof library.torch;
export declare namespace torch {
  type Device = library.torch.Device;
  type DType = library.torch.DType;
  type Tensor = library.torch.Tensor;
}
export declare const toScale: typeof library.toScale;
export declare const trainModel: typeof library.trainModel;
export declare const vocabularyFromConfig: typeof library.vocabularyFromConfig;
export declare const voteTargets: typeof library.voteTargets;
export declare const writeReport: typeof library.writeReport;
export declare const writeStudioFormats: typeof library.writeStudioFormats;
export declare const writeStudioGallery: typeof library.writeStudioGallery;
